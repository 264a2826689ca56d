/** A process that a measurement starts on a core of its own, and that is gone when the measurement is. */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

const STARTS_WITHIN_MS = 20_000;
const STOPS_WITHIN_MS = 15_000;

export interface StartOptions {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  /** Cores it and its children are held to, such as `1` or `0,1`; absent: all. */
  readonly cores?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Takes what it writes, both streams. */
  readonly outputFile: string;
}

export interface StartedProcess {
  readonly name: string;
  /** Of the process itself: taskset makes way for it. */
  readonly pid: number;
  readonly isRunning: boolean;
  signal(signal: NodeJS.Signals): void;
  /** SIGTERM, and SIGKILL after 15 s. */
  stop(): Promise<void>;
}

const running = new Set<StartedProcess>();

/** Ends what is still running when a measurement was interrupted. */
export function stopAll(): Promise<unknown> {
  return Promise.all([...running].map((one) => one.stop()));
}

export function start(options: StartOptions): StartedProcess {
  const output = openSync(options.outputFile, 'a');
  const [program, ...words] = options.command;
  const pinned = options.cores === undefined ? [] : ['taskset', '-c', options.cores];
  const [first, ...rest] = [...pinned, program, ...words] as [string, ...string[]];
  const child = spawn(first, rest, {
    cwd: options.cwd,
    env: { PATH: process.env['PATH'], HOME: options.cwd, ...options.env },
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  let isRunning = true;
  const ended = new Promise<void>((resolve) => {
    const over = (): void => {
      isRunning = false;
      running.delete(started);
      resolve();
    };
    child.once('exit', over).once('error', over);
  });
  const started: StartedProcess = {
    name: options.name,
    pid: child.pid ?? 0,
    get isRunning() {
      return isRunning;
    },
    signal: (signal) => {
      child.kill(signal);
    },
    async stop() {
      if (!isRunning) return;
      child.kill('SIGTERM');
      const hasten = setTimeout(() => child.kill('SIGKILL'), STOPS_WITHIN_MS);
      await ended;
      clearTimeout(hasten);
    },
  };
  running.add(started);
  return started;
}

/** Waits until `isUp` says so; tells what the process wrote when it ends or takes longer than 20 s. */
export async function untilUp(
  one: StartedProcess,
  outputFile: string,
  isUp: () => Promise<boolean>,
): Promise<StartedProcess> {
  const deadline = performance.now() + STARTS_WITHIN_MS;
  while (one.isRunning && performance.now() < deadline) {
    if (await isUp().catch(() => false)) return one;
    await pause(50);
  }
  const wrote = readFileSync(outputFile, 'utf8').slice(-2_000);
  await one.stop();
  throw new Error(`${one.name} did not come up; it wrote:\n${wrote}`);
}

/** Whether somebody accepts there. */
export function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: 1_000 });
    const answer = (isOpen: boolean) => () => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.once('connect', answer(true)).once('error', answer(false)).once('timeout', answer(false));
  });
}

/** Whether a GET is answered 2xx. */
export const answersOk = async (url: string): Promise<boolean> => {
  const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) });
  await answer.arrayBuffer();
  return answer.ok;
};
