/** Servers of four parsers that were written independently of one another: Node's, nginx's, Python's and Go's. */
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { listenOn, portOf } from '@switchyard/kit/http/server';
import { GO, nginxConfiguration, PYTHON } from './parser-sources.ts';
import type { Parser, Seen } from './seen.ts';
import { freePort } from '../../testing/free-port.ts';

const START_MS = 20_000;
/** Compiling the standard library's server for the first time. */
const BUILD_MS = 110_000;

/** What has to be installed for each, where it is looked for, and the variable that may tell. */
const PROGRAMS = {
  nginx: { variable: 'NGINX', program: 'nginx', places: ['/usr/sbin/nginx', '/opt/homebrew/bin/nginx'] },
  Python: { variable: 'PYTHON', program: 'python3', places: [] },
  Go: { variable: 'GO', program: 'go', places: ['/usr/local/go/bin/go', '/opt/homebrew/bin/go'] },
} as const;

export type Installed = keyof typeof PROGRAMS;
export const INSTALLED: readonly Installed[] = ['nginx', 'Python', 'Go'];

/** Where its program is; null: not installed. */
export function programOf(name: Installed): string | null {
  const { variable, program, places } = PROGRAMS[name];
  const named = process.env[variable] ?? '';
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const candidates = named === '' ? [...folders.map((folder) => join(folder, program)), ...places] : [named];
  return candidates.find(isRunnable) ?? null;
}

function isRunnable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** @throws Error when it does not start */
export function startParser(name: Installed): Promise<Parser> {
  const program = programOf(name);
  if (program === null) throw new Error(`${name} is not installed`);
  if (name === 'nginx') return startNginx(program);
  return name === 'Go' ? startGo(program) : startPython(program);
}

/** The parser that the gateway itself may use, in a server that does nothing else. */
export async function startNode(): Promise<Parser> {
  let seen: Seen[] = [];
  const server = createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
    const { rawHeaders } = request;
    const headers: [string, string][] = [];
    for (let index = 0; index < rawHeaders.length; index += 2)
      headers.push([rawHeaders[index]!.toLowerCase(), rawHeaders[index + 1]!]);
    const id = String(request.headers['x-request-id'] ?? '');
    let body = '';
    request.setEncoding('latin1');
    request.on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      seen.push({ id, method: request.method!, target: request.url!, headers, body });
      response.setHeader('content-length', id.length);
      response.end(request.method === 'HEAD' ? undefined : id);
    });
  });
  await listenOn(server, { host: '127.0.0.1', port: 0 });
  return {
    name: 'Node',
    port: portOf(server),
    take: () => {
      const taken = seen;
      seen = [];
      return Promise.resolve(taken);
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function startPython(program: string): Promise<Parser> {
  const child = spawn(program, ['-u', '-c', PYTHON], { stdio: ['ignore', 'pipe', 'ignore'] });
  return fromLines('Python', child, () => Promise.resolve());
}

async function startGo(program: string): Promise<Parser> {
  const folder = await mkdtemp(join(tmpdir(), 'switchyard-go-'));
  await writeFile(join(folder, 'main.go'), GO);
  const env = { GOCACHE: join(tmpdir(), 'switchyard-go-cache'), GOPATH: join(folder, 'path'), ...process.env };
  const { status, stderr, error } = spawnSync(program, ['build', '-o', 'server', 'main.go'], {
    cwd: folder,
    env: { ...env, GO111MODULE: 'off', GOTOOLCHAIN: 'local', CGO_ENABLED: '0' },
    encoding: 'utf8',
    timeout: BUILD_MS,
  });
  if (status !== 0) throw new Error(`go build: ${error?.message ?? stderr}`);
  const child = spawn(join(folder, 'server'), [], { stdio: ['ignore', 'pipe', 'ignore'] });
  return fromLines('Go', child, () => rm(folder, { recursive: true }));
}

/** A process that tells its port on the first line and then a request a line. */
async function fromLines(name: string, child: ChildProcess, clear: () => Promise<void>): Promise<Parser> {
  let seen: Seen[] = [];
  let pending = '';
  const started = Promise.withResolvers<number>();
  child.stdout!.setEncoding('utf8');
  child.stdout!.on('data', (chunk: string) => {
    const lines = (pending + chunk).split('\n');
    pending = lines.pop()!;
    for (const line of lines) {
      const told = JSON.parse(line) as Seen | { port: number };
      if ('port' in told) started.resolve(told.port);
      else seen.push(told);
    }
  });
  child.on('exit', (code) => started.reject(new Error(`${name} ended with ${code}`)));
  const late = setTimeout(() => started.reject(new Error(`${name} does not start`)), START_MS);
  const port = await started.promise.finally(() => clearTimeout(late));
  return {
    name,
    port,
    take: () => {
      const taken = seen;
      seen = [];
      return Promise.resolve(taken);
    },
    stop: async () => {
      await end(child);
      await clear();
    },
  };
}

async function startNginx(program: string): Promise<Parser> {
  const folder = await mkdtemp(join(tmpdir(), 'switchyard-nginx-'));
  const port = await freePort();
  await writeFile(join(folder, 'nginx.conf'), nginxConfiguration(folder, port));
  await writeFile(join(folder, 'seen.log'), '');
  const child = spawn(program, ['-e', join(folder, 'error.log'), '-p', folder, '-c', join(folder, 'nginx.conf')], {
    stdio: 'inherit',
  });
  const deadlineMs = performance.now() + START_MS;
  while (!(await answers(port))) {
    if (child.exitCode !== null || performance.now() > deadlineMs)
      throw new Error(`nginx does not start: ${await readFile(join(folder, 'error.log'), 'utf8').catch(() => '')}`);
    await pause(20);
  }
  let read = (await readFile(join(folder, 'seen.log'))).length;
  return {
    name: 'nginx',
    port,
    take: async () => {
      const log = await readFile(join(folder, 'seen.log'));
      const whole = log.lastIndexOf(0x0a) + 1;
      const lines = log.toString('latin1', read, whole).split('\n');
      read = whole;
      const told = lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Seen & { status: number });
      // What it refused or what broke off was not taken for a request.
      return told
        .filter(({ status }) => status === 200)
        .map((one) => ({ ...one, headers: one.headers.filter(([, value]) => value !== '') }));
    },
    stop: async () => {
      await end(child);
      await rm(folder, { recursive: true });
    },
  };
}

async function answers(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/`)).ok;
  } catch {
    return false;
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.removeAllListeners('exit');
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}
