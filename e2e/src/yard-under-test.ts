/** A whole yard of its own for a test: this repository's services, in a temporary folder, on free ports. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parse, stringify } from 'yaml';

export const REPOSITORY = path.resolve(import.meta.dirname, '../..');
const YARD = path.join(REPOSITORY, 'bin/yard.js');
const START_MS = 120_000;

interface YardFile {
  registry?: { port: number };
  gateway: { port: number; adminPort?: number; cors?: { origins: string[] } };
  services: Record<string, { dir: string; ports: [number, number]; env?: Record<string, string> }>;
}

export interface StatusOfPart {
  readonly state: string;
  readonly instances: readonly { readonly id: string; readonly pid: number; readonly port: number }[];
}
/** What of `yard status --json` these tests look at. */
export interface Status {
  readonly epoch: number;
  readonly supervisor: { readonly pid: number } | null;
  readonly services: Readonly<
    Record<string, StatusOfPart & { readonly live: string | null; readonly standby: string | null }>
  >;
  readonly registry: StatusOfPart;
  readonly gateway: StatusOfPart;
  readonly postgres: { readonly state: string; readonly pid: number } | null;
}

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `count` ports that are free now, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Asks again each 50 ms until `check` gives something; the last error is told when `timeoutMs` have passed. */
export async function eventually<T>(
  what: string,
  check: () => Promise<T | null | undefined | false>,
  timeoutMs = 15_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  let last: unknown = 'it was not so';
  while (performance.now() < deadline) {
    try {
      const found = await check();
      if (found !== null && found !== undefined && found !== false) return found;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`not within ${timeoutMs} ms: ${what}`, { cause: last });
}

export class YardUnderTest {
  readonly folder: string;
  readonly gatewayPort: number;
  readonly frontPort: number;
  readonly registryPort: number;
  readonly adminPort: number;
  private foreground: ChildProcess | null = null;
  private output = '';

  private constructor(folder: string, ports: { gateway: number; front: number; registry: number; admin: number }) {
    this.folder = folder;
    this.gatewayPort = ports.gateway;
    this.frontPort = ports.front;
    this.registryPort = ports.registry;
    this.adminPort = ports.admin;
  }

  get origin(): string {
    return `http://localhost:${this.gatewayPort}`;
  }
  get frontOrigin(): string {
    return `http://localhost:${this.frontPort}`;
  }

  /** Writes the folder; nothing runs yet. */
  static async create(): Promise<YardUnderTest> {
    const folder = await mkdtemp(path.join(tmpdir(), 'yard-e2e-'));
    const file = parse(await readFile(path.join(REPOSITORY, 'switchyard.yaml'), 'utf8')) as YardFile;
    const names = Object.keys(file.services);
    const ports = await freePorts(3 + names.length * 2);
    const [registry, gateway, admin] = ports as [number, number, number];
    file.registry = { port: registry };
    file.gateway.port = gateway;
    file.gateway.adminPort = admin;
    for (const [index, name] of names.entries()) {
      const service = file.services[name]!;
      service.dir = path.join(REPOSITORY, service.dir);
      service.ports = [ports[3 + index * 2]!, ports[4 + index * 2]!];
    }
    const front = file.services['front']!;
    file.gateway.cors = { origins: front.ports.map((port) => `http://localhost:${port}`) };
    front.env = { ...front.env, GATEWAY_PUBLIC_URL: `http://localhost:${gateway}` };
    await writeFile(path.join(folder, 'switchyard.yaml'), stringify(file));
    return new YardUnderTest(folder, { gateway, front: front.ports[0], registry, admin });
  }

  /** `yard up` in the foreground; resolves when the gateway says that everything is ready. */
  async up(): Promise<void> {
    const child = spawn(process.execPath, [YARD, 'up'], { cwd: this.folder, stdio: ['ignore', 'pipe', 'pipe'] });
    this.foreground = child;
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    const died = new Promise<never>((_, reject) =>
      child.once('exit', (code) => reject(new Error(`yard up ended with ${code}:\n${this.output}`))),
    );
    died.catch((error: unknown) => error);
    await Promise.race([died, this.ready()]).catch((error: unknown) => {
      throw new Error(`the yard is not ready; it said:\n${this.output}`, { cause: error });
    });
  }

  ready(timeoutMs = START_MS): Promise<true> {
    return eventually(
      'the gateway is ready',
      async () => (await fetch(`${this.origin}/-/ready`, { signal: AbortSignal.timeout(2_000) })).status === 200,
      timeoutMs,
    );
  }

  /** Ctrl-C to the foreground command; resolves with its exit code. */
  async interrupt(): Promise<number | null> {
    const child = this.foreground;
    if (child === null || child.exitCode !== null) return child?.exitCode ?? null;
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    child.kill('SIGINT');
    return ended;
  }

  async status(): Promise<Status> {
    const { code, stdout, stderr } = await this.yard('status', '--json');
    if (code !== 0) throw new Error(`yard status ended with ${code}: ${stderr}`);
    return JSON.parse(stdout) as Status;
  }

  /** Pids by name: each service, `registry`, `gateway`, `postgres` and `supervisor`. */
  async pids(): Promise<Map<string, number[]>> {
    const { services, registry, gateway, postgres, supervisor } = await this.status();
    const parts = Object.entries({ ...services, registry, gateway });
    const pids = new Map(parts.map(([name, part]) => [name, part.instances.map((instance) => instance.pid)]));
    if (postgres !== null) pids.set('postgres', [postgres.pid]);
    if (supervisor !== null) pids.set('supervisor', [supervisor.pid]);
    return pids;
  }

  /** Whether this part is ready, as `yard status` says. */
  async isWell(name: string): Promise<boolean> {
    const status = await this.status();
    const part =
      name === 'registry' || name === 'gateway' || name === 'postgres' ? status[name] : status.services[name];
    return part?.state === 'ready';
  }

  /** HTTP port of the first instance of a service. */
  async portOf(service: string): Promise<number> {
    return (await this.status()).services[service]!.instances[0]!.port;
  }

  /** `kill -9` of everything that goes by this name. */
  async kill(name: string): Promise<void> {
    const pids = (await this.pids()).get(name) ?? [];
    if (pids.length === 0) throw new Error(`nothing runs as ${name}`);
    for (const pid of pids) process.kill(pid, 'SIGKILL');
  }

  /** Runs `yard …` in the folder to its end. */
  yard(...words: string[]): Promise<CommandResult> {
    return run(process.execPath, [YARD, ...words], this.folder);
  }

  /** Stops everything and removes the folder, its data and whatever root's PostgreSQL kept elsewhere. */
  async remove(): Promise<void> {
    await this.yard('down');
    await this.interrupt();
    await this.yard('reset', '--yes');
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Runs a command to its end, at most three minutes. */
export function run(
  command: string,
  words: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, words, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: 180_000 });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** Pids of every process whose command line or working directory lies below `folder`. Linux. */
export async function processesBelow(folder: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const isBelow = await Promise.all(
    pids.map(async (pid) => {
      const [cwd, words] = await Promise.all([
        readlink(`/proc/${pid}/cwd`),
        readFile(`/proc/${pid}/cmdline`, 'utf8'),
      ]).catch(() => ['', '']);
      return cwd.startsWith(folder) || words.includes(folder);
    }),
  );
  return pids.filter((_, index) => isBelow[index]).map(Number);
}
