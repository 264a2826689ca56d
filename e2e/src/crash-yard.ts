/** A yard of probes in which things are killed in the middle of swaps: swaps that tell their stages, who runs, and what must be left of it. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { parse } from 'yaml';
import { ProbeYard } from './traffic/probe-yard.ts';
import { eventually, processesBelow, REPOSITORY } from './yard-under-test.ts';
import type { CommandResult, Status } from './yard-under-test.ts';

/** What of an event or report of `yard swap --json` these tests look at. */
export interface SwapLine {
  readonly kind: string;
  readonly id: string;
  readonly services: Readonly<Record<string, { readonly from: string | null; readonly to: string | null }>>;
  readonly stage: string;
  readonly detail: string;
  readonly isHeld?: boolean;
}
export interface SwapReport {
  readonly id: string;
  readonly outcome: 'done' | 'aborted' | 'reverted';
  readonly reason: string | null;
  readonly services: SwapLine['services'];
  readonly timeline: readonly { readonly stage: string }[];
}

/** A `yard swap` that goes on. */
export class RunningSwap {
  readonly ended: Promise<CommandResult>;
  readonly lines: SwapLine[] = [];
  private readonly waiting = new Set<() => void>();
  private isOver = false;

  constructor(folder: string, words: readonly string[]) {
    const child: ChildProcess = spawn(process.execPath, [path.join(REPOSITORY, 'bin/yard.js'), ...words, '--json'], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 60_000,
    });
    let [stdout, stderr] = ['', ''];
    child.stderr!.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    createInterface({ input: child.stdout! }).on('line', (line) => {
      stdout += `${line}\n`;
      this.lines.push(JSON.parse(line) as SwapLine);
      this.look();
    });
    this.ended = new Promise((resolve) =>
      child.once('close', (code) => {
        this.isOver = true;
        resolve({ code, stdout, stderr });
        this.look();
      }),
    );
  }

  /** What it told last of itself. */
  get last(): SwapLine {
    return this.lines.findLast(({ kind }) => kind === 'swap')!;
  }

  /** The first line for which `is` holds, past or to come. Rejects when the command ends without one. */
  async until(is: (line: SwapLine) => boolean): Promise<SwapLine> {
    for (;;) {
      const found = this.lines.find(is);
      if (found !== undefined) return found;
      if (this.isOver) {
        const { code, stdout, stderr } = await this.ended;
        throw new Error(`the swap ended with ${code} before that:\n${stdout}${stderr}`);
      }
      await new Promise<void>((resolve) => this.waiting.add(resolve));
    }
  }

  /** It has reached this stage. */
  reaches(stage: string): Promise<SwapLine> {
    return this.until((line) => line.stage === stage);
  }

  private look(): void {
    for (const resolve of this.waiting) resolve();
    this.waiting.clear();
  }
}

export interface FullStatus extends Status {
  readonly services: Readonly<
    Record<string, Status['services'][string] & { readonly candidate: string | null; readonly swap: object | null }>
  >;
}

export class CrashYard {
  readonly probes: ProbeYard;
  readonly services: readonly string[];
  private readonly ports: ReadonlyMap<string, readonly number[]>;

  private constructor(probes: ProbeYard, ports: ReadonlyMap<string, readonly number[]>) {
    this.probes = probes;
    this.ports = ports;
    this.services = [...ports.keys()];
  }

  /** Writes the folder; nothing runs yet. Services of Node.js, each with a build that takes as long as `buildTakes` says. */
  static async create(names: readonly string[], more: Readonly<Record<string, unknown>>): Promise<CrashYard> {
    const probes = await ProbeYard.create({
      probes: Object.fromEntries(names.map((name) => [name, 'node' as const])),
      more: { build: 'sh build.sh', ...more },
    });
    const file = parse(await readFile(path.join(probes.folder, 'switchyard.yaml'), 'utf8')) as {
      services: Record<string, { ports: number[] }>;
    };
    const ports = new Map(Object.entries(file.services).map(([name, entry]) => [name, entry.ports]));
    const yard = new CrashYard(probes, ports);
    for (const name of names) await yard.buildTakes(name, 0);
    return yard;
  }

  async buildTakes(service: string, seconds: number): Promise<void> {
    await writeFile(path.join(this.probes.folder, service, 'build.sh'), `exec sleep ${seconds}\n`);
  }

  swap(service: string, ...words: string[]): RunningSwap {
    return new RunningSwap(this.probes.folder, ['swap', service, ...words]);
  }

  async status(): Promise<FullStatus> {
    return (await this.probes.status()) as FullStatus;
  }

  /** Reports of past swaps, the newest last. */
  async history(): Promise<SwapReport[]> {
    const { stdout } = await this.probes.yard('history', '--json');
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as SwapReport);
  }

  /** As the operator, on the registry. */
  async asOperator(method: string, pathname: string, body?: unknown): Promise<Response> {
    const token = (await readFile(path.join(this.probes.folder, '.yard/operator.token'), 'utf8')).trim();
    return fetch(`${this.probes.registryOrigin}${pathname}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(5_000),
    });
  }

  /** Null when none runs. */
  async supervisorPid(): Promise<number | null> {
    const file = path.join(this.probes.folder, '.yard/supervisor.json');
    const { pid } = JSON.parse(await readFile(file, 'utf8').catch(() => '{"pid":null}')) as { pid: number | null };
    return pid !== null && existsSync(`/proc/${pid}`) ? pid : null;
  }

  /** Of the registry or the gateway, as the yard's records say, with or without a supervisor. */
  pidOf(part: 'registry' | 'gateway'): Promise<number> {
    const folder = path.join(this.probes.folder, '.yard/instances');
    return eventually(`the ${part} runs`, async () => {
      const names = (await readdir(folder)).filter((name) => name.startsWith(`${part}-`) && name.endsWith('.json'));
      const records = await Promise.all(names.map((name) => readFile(path.join(folder, name), 'utf8')));
      const pids = records.map((text) => (JSON.parse(text) as { process: { pid: number } | null }).process?.pid);
      return pids.find((pid) => pid !== undefined && existsSync(`/proc/${pid}`));
    });
  }

  /** What runs of each deployment of a service, by its environment, whoever started it: pids by deployment. */
  async processesOf(service: string): Promise<Map<string, number[]>> {
    const counts = `PROBE_COUNTS=${this.probes.countsFile(service)}`;
    const found = new Map<string, number[]>();
    for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)) {
      const environment = (await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')).split('\0');
      if (!environment.includes(counts)) continue;
      const deployment = environment.find((entry) => entry.startsWith('DEPLOYMENT_ID='))?.slice(14) ?? 'a build';
      found.set(deployment, [...(found.get(deployment) ?? []), pid]);
    }
    return found;
  }

  async hasJournals(): Promise<boolean> {
    return (await readdir(path.join(this.probes.folder, '.yard/journal')).catch(() => [])).length > 0;
  }

  /**
   * What is there and should not be, as sentences: none when nothing is being swapped, one deployment of each service runs, which is the
   * live one, the ports of all other sides are free, and no journal is left.
   */
  async leftovers(): Promise<string[]> {
    const faults: string[] = [];
    const status = await this.status();
    const parts = [status.registry, status.gateway, ...Object.values(status.services)];
    const known = [status.supervisor?.pid, ...parts.flatMap(({ instances }) => instances.map(({ pid }) => pid))];
    const below = await processesBelow(this.probes.folder);
    for (const pid of below) if (!known.includes(pid)) faults.push(`process ${pid} runs: ${await commandOf(pid)}`);
    for (const [name, { live, standby, candidate, swap, state, instances }] of Object.entries(status.services)) {
      if (swap !== null || candidate !== null) faults.push(`${name} is being swapped: ${JSON.stringify(swap)}`);
      if (standby !== null) faults.push(`${standby} stands by`);
      if (state !== 'ready') faults.push(`${name} is ${state}`);
      const running = [...(await this.processesOf(name))];
      if (running.length !== 1 || running[0]![0] !== live || running[0]![1].length !== 1)
        faults.push(`${live} is live, and there run ${JSON.stringify(running)}`);
      for (const port of this.ports.get(name)!) {
        const who = await listeners(port, [...below, ...running.flatMap(([, pids]) => pids)]);
        const expected = port === instances[0]?.port ? instances[0].pid : undefined;
        if (who.some((pid) => pid !== expected) || (expected !== undefined && who.length === 0))
          faults.push(`port ${port} of ${name} is held by ${who.join(', ') || 'nobody'}`);
      }
    }
    return (await this.hasJournals()) ? [...faults, 'a journal is left'] : faults;
  }
}

const commandOf = async (pid: number): Promise<string> =>
  (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => 'gone')).replaceAll('\0', ' ');

/** Which of these processes listen on the port; who else may do so on this machine is none of our business. */
async function listeners(port: number, pids: readonly number[]): Promise<number[]> {
  const sockets = new Set<string>();
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of (await readFile(file, 'utf8').catch(() => '')).split('\n')) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
      if (state === '0A' && Number.parseInt(local!.split(':').at(-1)!, 16) === port) sockets.add(`socket:[${inode}]`);
    }
  }
  const holds = async (pid: number): Promise<boolean> => {
    const names = await readdir(`/proc/${pid}/fd`).catch(() => []);
    const links = await Promise.all(names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => '')));
    return links.some((link) => sockets.has(link));
  };
  const are = await Promise.all(pids.map(holds));
  return pids.filter((_, index) => are[index]);
}
