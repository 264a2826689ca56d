/** The yard's own PostgreSQL server: initialised once, started, adopted when it outlived its supervisor, stopped without loss. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chown, mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { lastLines } from '../logs/last-lines.ts';
import { freePort, isPortFree, portTakenSentence } from '../runtime/ports.ts';
import { commandOf, isAlive, processFacts, sendSignal } from '../runtime/processes.ts';
import type { ProcessIdentity } from '../runtime/processes.ts';
import { makePrivateFolder, readFileIfAny, writeFileAtomic } from '../state/atomic-file.ts';
import { pingServer } from './databases.ts';
import type { Placement } from './placement.ts';
import { initialiseArguments, parsePostmasterFile, serverArguments } from './server-settings.ts';

export const SUPERUSER = 'switchyard';
const INITIALISE_TIMEOUT_MS = 120_000;
/** Replaying the log after a crash of a busy server takes a while. */
const START_TIMEOUT_MS = 300_000;
const STOP_FAST_MS = 30_000;
const STOP_IMMEDIATE_MS = 5_000;
const POLL_MS = 50;
const MAKING = '.making-';
const ADOPTED_POLL_MS = 250;

/** `.yard/postgres.json`: what is remembered of the server between supervisors. */
const serverFile = z.object({ port: z.int(), pid: z.int().nullable(), born: z.string().nullable() });

export interface EmbeddedPostgresOptions {
  readonly placement: Placement;
  /** Folder with bin/postgres. */
  readonly binaries: string;
  readonly recordFile: string;
  readonly logFile: string;
  readonly superuserPassword: string;
}

export interface RunningServer {
  readonly port: number;
  readonly process: ProcessIdentity;
  readonly adminUrl: string;
  readonly isAdopted: boolean;
}

export class EmbeddedPostgres {
  private readonly options: EmbeddedPostgresOptions;
  constructor(options: EmbeddedPostgresOptions) {
    this.options = options;
  }

  /** Takes over the server that runs on our data, or starts one: on the port it had, or on another when that is taken. */
  async start(signal: AbortSignal): Promise<RunningServer> {
    const survivor = await this.survivor();
    if (survivor !== null) return this.ready({ ...survivor, isAdopted: true }, signal);
    await this.removeHalfMade();
    if (!existsSync(join(this.options.placement.data, 'PG_VERSION'))) await this.initialise();
    await this.removeStaleLock();
    const port = await this.choosePort();
    const identity = await this.launch(port);
    try {
      await this.record(port, identity);
    } catch (error) {
      // Nobody would know of it: `stop` finds a server that has only just been started by this record.
      sendSignal(identity.pid, 'SIGKILL');
      throw error;
    }
    return this.ready({ port, process: identity, isAdopted: false }, signal);
  }

  /** The server that runs on our data now, whoever started it; null when there is none. */
  async survivor(): Promise<{ readonly port: number; readonly process: ProcessIdentity } | null> {
    const text = await readFileIfAny(join(this.options.placement.data, 'postmaster.pid')).catch(() => null);
    // One that has only just been started has not written its own file yet: then ours names it.
    const found = (text === null ? null : parsePostmasterFile(text)) ?? (await this.recorded());
    if (found === null || !this.isOurServer(found.pid)) return null;
    const facts = processFacts(found.pid);
    return facts === null ? null : { port: found.port, process: { pid: facts.pid, born: facts.born } };
  }

  private async recorded(): Promise<{ readonly port: number; readonly pid: number } | null> {
    const parsed = serverFile.safeParse(jsonOrNull((await readFileIfAny(this.options.recordFile)) ?? ''));
    if (!parsed.success) return null;
    const { port, pid, born } = parsed.data;
    return pid !== null && born !== null && isAlive({ pid, born }) ? { port, pid } : null;
  }

  /** Resolves when the server has ended; rejects when `signal` aborts. */
  async ended(server: RunningServer, signal: AbortSignal): Promise<void> {
    while (isAlive(server.process)) await pause(ADOPTED_POLL_MS, undefined, { signal });
  }

  /** Fast shutdown (nothing committed is lost, connections are cut), then harder ones; at once harder when hastened. */
  async stop(hasten?: AbortSignal): Promise<void> {
    const server = await this.survivor();
    if (server === null) return;
    const steps = [
      ['SIGINT', STOP_FAST_MS],
      ['SIGQUIT', STOP_IMMEDIATE_MS],
      ['SIGKILL', STOP_IMMEDIATE_MS],
    ] as const;
    for (const [name, waitMs] of steps) {
      if (!sendSignal(server.process.pid, name)) return;
      const deadlineMs = performance.now() + waitMs;
      const isHastened = () => name === 'SIGINT' && hasten?.aborted === true;
      while (performance.now() < deadlineMs && !isHastened()) {
        if (!isAlive(server.process)) return;
        await pause(POLL_MS / 2);
      }
    }
    throw new Error(`PostgreSQL (pid ${server.process.pid}) ignores SIGKILL`);
  }

  private async initialise(): Promise<void> {
    const { placement, binaries, superuserPassword } = this.options;
    const { owner, home, data } = placement;
    if (existsSync(data)) {
      throw new Error(
        `${data} exists but is no PostgreSQL data folder; move it away, or restore a backup (yard restore FILE)`,
      );
    }
    if (existsSync(this.options.recordFile)) {
      throw new Error(
        `the databases of this yard are gone: ${data} is not there; put it back, or restore a backup (yard restore FILE), or begin anew (yard reset)`,
      );
    }
    const making = join(home, `${MAKING}${randomBytes(6).toString('hex')}`);
    const passwordFile = join(making, 'password');
    try {
      await mkdir(making, { mode: 0o700 });
      await writeFile(passwordFile, superuserPassword, { mode: 0o600 });
      if (owner !== null) for (const path of [making, passwordFile]) await chown(path, owner.uid, owner.gid);
      const args = initialiseArguments(join(making, 'data'), SUPERUSER, passwordFile);
      await this.runInitdb(join(binaries, 'bin/initdb'), args, making);
      await rename(join(making, 'data'), data);
    } finally {
      await rm(making, { recursive: true, force: true });
    }
  }

  /** What a supervisor that was killed meanwhile left of its initialisation. */
  private async removeHalfMade(): Promise<void> {
    const { home } = this.options.placement;
    const names = await readdir(home).catch(() => []);
    for (const name of names.filter((name) => name.startsWith(MAKING)))
      await rm(join(home, name), { recursive: true, force: true, maxRetries: 3 });
  }

  private async runInitdb(program: string, args: readonly string[], cwd: string): Promise<void> {
    const child = spawn(program, args, {
      ...this.identity(),
      cwd,
      env: this.environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: INITIALISE_TIMEOUT_MS,
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        said = (said + text).slice(-4_000);
      });
    }
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    if (code !== 0)
      throw new Error(`PostgreSQL could not be initialised: ${said.trim().split('\n').slice(-3).join(' ')}`);
  }

  /**
   * A lock file whose process id belongs to some other program by now would keep the server from starting. One whose process is
   * gone is left: the server itself deals with that, and knows more about the memory that may still be in use.
   */
  private async removeStaleLock(): Promise<void> {
    const path = join(this.options.placement.data, 'postmaster.pid');
    const found = parsePostmasterFile((await readFileIfAny(path)) ?? '');
    if (found === null || processFacts(found.pid) === null) return;
    if (!this.isOurServer(found.pid) && !/postgres/.test(commandOf(found.pid) ?? '')) await rm(path, { force: true });
  }

  private isOurServer(pid: number): boolean {
    const command = commandOf(pid, 10_000) ?? '';
    return command.includes('bin/postgres') && command.includes(`-D ${this.options.placement.data} `);
  }

  private async choosePort(): Promise<number> {
    const parsed = serverFile.safeParse(jsonOrNull((await readFileIfAny(this.options.recordFile)) ?? ''));
    if (parsed.success && (await isPortFree(parsed.data.port))) return parsed.data.port;
    return freePort();
  }

  private async launch(port: number): Promise<ProcessIdentity> {
    const { placement, binaries, logFile } = this.options;
    await makePrivateFolder(dirname(logFile));
    const log = await open(logFile, 'a', 0o600);
    try {
      const child = spawn(join(binaries, 'bin/postgres'), serverArguments(placement.data, port), {
        ...this.identity(),
        cwd: placement.home,
        env: this.environment(),
        detached: true,
        stdio: ['ignore', log.fd, log.fd],
      });
      await new Promise<void>((resolve, reject) => {
        child.once('spawn', resolve);
        child.once('error', reject);
      });
      child.on('error', () => undefined);
      child.unref();
      return { pid: child.pid!, born: processFacts(child.pid!)?.born ?? '' };
    } finally {
      await log.close();
    }
  }

  private async ready(server: Omit<RunningServer, 'adminUrl'>, signal: AbortSignal): Promise<RunningServer> {
    const password = encodeURIComponent(this.options.superuserPassword);
    const adminUrl = `postgresql://${SUPERUSER}:${password}@127.0.0.1:${server.port}/postgres`;
    const deadlineMs = performance.now() + START_TIMEOUT_MS;
    for (;;) {
      try {
        await pingServer(adminUrl);
        return { ...server, adminUrl };
      } catch (error) {
        signal.throwIfAborted();
        if (!isAlive(server.process)) throw new Error(await this.whyItEnded(server.port), { cause: error });
        // 28P01: the password is not the server's; waiting does not change that.
        if ((error as { code?: string }).code === '28P01' || performance.now() > deadlineMs) {
          throw new Error(`PostgreSQL does not let the yard in: ${(error as Error).message}`, { cause: error });
        }
      }
      await pause(POLL_MS, undefined, { signal });
    }
  }

  private async whyItEnded(port: number): Promise<string> {
    const lines = await lastLines(this.options.logFile, 5);
    const taken = lines.some((line) => line.includes('could not bind')) ? `: ${portTakenSentence(port)}` : '';
    return `PostgreSQL ended while it started${taken}\n${lines.map((line) => `  ${line}`).join('\n')}`;
  }

  private async record(port: number, { pid, born }: ProcessIdentity): Promise<void> {
    await writeFileAtomic(this.options.recordFile, JSON.stringify({ port, pid, born }), { isDurable: false });
  }

  private identity(): { uid?: number; gid?: number } {
    const { owner } = this.options.placement;
    return owner === null ? {} : { uid: owner.uid, gid: owner.gid };
  }

  /** Nothing of ours: PostgreSQL would take settings from PG… variables, and messages in the user's language. */
  private environment(): Record<string, string> {
    return { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC', HOME: this.options.placement.home };
  }
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** For `yard doctor` and `yard backup`: the remembered port, or null. */
export async function rememberedPort(recordFile: string): Promise<number | null> {
  const parsed = serverFile.safeParse(jsonOrNull(await readFile(recordFile, 'utf8').catch(() => '')));
  return parsed.success ? parsed.data.port : null;
}
