/** A yard in a temporary folder, for tests: small services of one file, free ports, and nothing left of it afterwards. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readlink, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort, isPortFree } from '../runtime/ports.ts';
import { allProcesses, environmentValue } from '../runtime/processes.ts';
import { yardStatus } from '../status/yard-status.ts';
import type { YardStatus } from '../status/yard-status.ts';

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));
const DEADLINE_MS = 60_000;

/** Answers with what it is, and keeps a child of its own. `TEXT` is what an edit changes. */
export const WEB = (text: string) => `
const { spawn } = require('node:child_process');
const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 1e9)'], { stdio: 'inherit' });
require('node:http').createServer((request, response) => {
  if (request.url === '/environment') return response.end(JSON.stringify(process.env));
  response.end(JSON.stringify({ text: ${JSON.stringify(text)}, deployment: process.env.DEPLOYMENT_ID, pid: process.pid, child: child.pid }));
}).listen(process.env.PORT, '127.0.0.1', () => console.log('listening', process.env.INSTANCE_ID));
`;

/** For machines that have Python: a service that knows nothing of Switchyard, nor of its variables but the one it is given. */
export const PYTHON = `
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b'from python'
        self.send_response(200); self.send_header('content-length', str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *args): pass
http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Handler).serve_forever()
`;

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ServiceToBe {
  readonly files: Readonly<Record<string, string>>;
  /** Lines of its entry, but dir, ports and routes. */
  readonly entry: Readonly<Record<string, unknown>>;
  readonly route: string;
}

export class YardFixture {
  readonly root: string;
  readonly ports: Readonly<Record<string, readonly [number, number]>>;
  readonly gatewayPort: number;
  readonly registryPort: number;
  private readonly allPorts: readonly number[];

  private constructor(root: string, ports: YardFixture['ports'], platform: readonly [number, number, number]) {
    this.root = root;
    this.ports = ports;
    [this.registryPort, this.gatewayPort] = platform;
    this.allPorts = [...Object.values(ports).flat(), ...platform];
  }

  static async make(services: Readonly<Record<string, ServiceToBe>>, below = ''): Promise<YardFixture> {
    const top = await realpath(await mkdtemp(join(tmpdir(), 'yard-')));
    const root = join(top, below);
    const taken = new Set<number>();
    const port = async () => {
      const found = await freePort(taken);
      taken.add(found);
      return found;
    };
    const ports: Record<string, [number, number]> = {};
    for (const name of Object.keys(services)) ports[name] = [await port(), await port()];
    const platform = [await port(), await port(), await port()] as const;
    const fixture = new YardFixture(root, ports, platform);
    for (const [name, service] of Object.entries(services)) await fixture.write(name, service.files);
    await fixture.declare(services);
    return fixture;
  }

  /** Writes switchyard.yaml; JSON is YAML. */
  async declare(services: Readonly<Record<string, ServiceToBe>>): Promise<void> {
    const [adminPort] = this.allPorts.slice(-1);
    const yard = {
      registry: { port: this.registryPort },
      gateway: { port: this.gatewayPort, adminPort },
      services: Object.fromEntries(
        Object.entries(services).map(([name, { entry, route }]) => [
          name,
          { dir: name, ports: this.ports[name], routes: [route], ...entry },
        ]),
      ),
    };
    await writeFile(join(this.root, 'switchyard.yaml'), JSON.stringify(yard, null, 2));
  }

  async write(service: string, files: Readonly<Record<string, string>>): Promise<void> {
    for (const [path, content] of Object.entries(files)) {
      const file = join(this.root, service, path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, content);
    }
  }

  /** Runs a command to its end. */
  yard(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
    return new Promise((resolve) => {
      const options = { cwd: this.root, env: { ...process.env, NODE_TEST_CONTEXT: '', ...env }, timeout: DEADLINE_MS };
      const child = execFile(process.execPath, [MAIN, ...args], options, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : (child.exitCode ?? 1), stdout, stderr });
      });
    });
  }

  /** Runs a command that must succeed. */
  async done(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
    const ran = await this.yard(args, env);
    assert.equal(ran.code, 0, `yard ${args.join(' ')}: ${ran.stdout}${ran.stderr}`);
    return ran.stdout;
  }

  /** `yard up` in the foreground. */
  up(): { readonly child: ChildProcess; readonly said: () => string; readonly ended: Promise<number | null> } {
    const child = spawn(process.execPath, [MAIN, 'up'], {
      cwd: this.root,
      env: { ...process.env, NODE_TEST_CONTEXT: '' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
    }
    const ended = new Promise<number | null>((resolve) => {
      child.once('close', resolve);
    });
    return { child, said: () => text, ended };
  }

  async status(): Promise<YardStatus> {
    return yardStatus.parse(JSON.parse(await this.done(['status', '--json'])));
  }

  /** Through the gateway. */
  async get(path: string): Promise<{ readonly status: number; readonly text: string }> {
    const answer = await fetch(`http://127.0.0.1:${this.gatewayPort}${path}`, { signal: AbortSignal.timeout(10_000) });
    return { status: answer.status, text: await answer.text() };
  }

  async json(path: string): Promise<Record<string, unknown>> {
    const { status, text } = await this.get(path);
    assert.equal(status, 200, text);
    return JSON.parse(text) as Record<string, unknown>;
  }

  /** Processes whose environment or command line names this yard's folder. */
  processes(): number[] {
    return allProcesses()
      .map(({ pid }) => pid)
      .filter(
        (pid) => pid !== process.pid && mentions(pid, this.root) && environmentValue(pid, 'INSTANCE_ID') !== null,
      );
  }

  async takenPorts(): Promise<number[]> {
    const free = await Promise.all(this.allPorts.map((port) => isPortFree(port)));
    return this.allPorts.filter((_, index) => free[index] === false);
  }

  /** Stops everything by force and removes every trace, for root also the one outside the folder. */
  async cleanUp(): Promise<void> {
    await this.yard(['down', '--now']);
    const data = await readlink(join(this.root, '.yard/data/postgres')).catch(() => null);
    if (data !== null) await rm(dirname(data), { recursive: true, force: true });
    const [, , top] = this.root.split('/');
    await rm(join('/', this.root.split('/')[1]!, top!), { recursive: true, force: true });
  }
}

/** Waits for a fact about real processes; the deadline is generous, because machines are slow. */
export async function until(fact: () => Promise<boolean> | boolean, what: string): Promise<void> {
  const deadlineMs = performance.now() + DEADLINE_MS;
  while (!(await fact())) {
    assert.ok(performance.now() < deadlineMs, `waited in vain until ${what}`);
    await pause(50);
  }
}

/** Every file below, as text. */
export function everythingIn(folder: string): string {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
    .join('\n');
}

function mentions(pid: number, text: string): boolean {
  try {
    return (
      readFileSync(`/proc/${pid}/environ`, 'latin1').includes(text) ||
      readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(text)
    );
  } catch {
    return false;
  }
}
