/** Services written in Go that stand behind the gateway in trials: built once a run, started, told to be slow or to fail, counted. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { freePorts, REPOSITORY } from '@switchyard/e2e/yard-under-test';
import { accepts, start, untilUp } from '../../gateway/started-process.ts';
import type { StartedProcess } from '../../gateway/started-process.ts';
import type { Trial } from './trial.ts';

const BUILDS_WITHIN_MS = 180_000;
const USUAL_GO = '/usr/local/go/bin/go';

export interface Counts {
  readonly requests: number;
  readonly answered: number;
  readonly connections: number;
  readonly bytes: number;
}

export interface ServiceBehaviour {
  readonly delayMs?: number;
  readonly jitterMs?: number;
  /** Answers every request with it; 0: answers well. */
  readonly status?: number;
}

/** Builds service.go; answers the file of the program. */
export async function buildService(trial: Trial): Promise<string> {
  const program = path.join(trial.folder, 'service');
  const go = existsSync(USUAL_GO) ? USUAL_GO : 'go';
  await promisify(execFile)(
    go,
    ['build', '-o', program, path.join(REPOSITORY, 'bench/src/trials/equipment/service.go')],
    {
      cwd: trial.folder,
      timeout: BUILDS_WITHIN_MS,
      env: { ...process.env, GO111MODULE: 'off' },
    },
  );
  return program;
}

/** One instance, which keeps its port when it is killed and started again. */
export class TrialService {
  readonly name: string;
  readonly port: number;
  private readonly program: string;
  private readonly folder: string;
  private readonly env: Readonly<Record<string, string>>;
  private process: StartedProcess | null = null;

  private constructor(
    name: string,
    port: number,
    program: string,
    folder: string,
    env: Readonly<Record<string, string>>,
  ) {
    this.name = name;
    this.port = port;
    this.program = program;
    this.folder = folder;
    this.env = env;
  }

  /** `count` instances, which answer. */
  static async startAll(
    trial: Trial,
    count: number,
    env: Readonly<Record<string, string>> = {},
  ): Promise<TrialService[]> {
    const program = await buildService(trial);
    const ports = await freePorts(count);
    const all = ports.map((port, index) => new TrialService(`trial-${index + 1}`, port, program, trial.folder, env));
    for (const one of all) await one.start();
    trial.atEnd(() => all.forEach((one) => one.signal('SIGCONT')));
    return all;
  }

  async start(): Promise<void> {
    const outputFile = path.join(this.folder, `${this.name}.log`);
    this.process = start({
      name: this.name,
      command: [this.program],
      env: { NAME: this.name, PORT: String(this.port), ...this.env },
      cwd: this.folder,
      outputFile,
    });
    await untilUp(this.process, outputFile, () => accepts(this.port));
  }

  /** SIGKILL ends it at once; SIGSTOP leaves its port open and mute. */
  signal(signal: NodeJS.Signals): void {
    if (this.process?.isRunning === true) this.process.signal(signal);
  }

  /** Waits until a killed one is gone. */
  async gone(): Promise<void> {
    await this.process?.stop();
  }

  set(behaviour: ServiceBehaviour): Promise<Counts> {
    const query = new URLSearchParams(Object.entries(behaviour).map(([name, value]) => [name, String(value)]));
    return this.ask(`set?${query.toString()}`, 'POST');
  }

  counts(): Promise<Counts> {
    return this.ask('counts', 'GET');
  }

  async reported(): Promise<string> {
    const answer = await fetch(`http://127.0.0.1:${this.port}/control/reported`, {
      signal: AbortSignal.timeout(5_000),
    });
    return answer.text();
  }

  private async ask(what: string, method: 'GET' | 'POST'): Promise<Counts> {
    const answer = await fetch(`http://127.0.0.1:${this.port}/control/${what}`, {
      method,
      signal: AbortSignal.timeout(5_000),
    });
    return (await answer.json()) as Counts;
  }
}

/** What all of them have counted together. */
export async function countsOf(all: readonly TrialService[]): Promise<Counts> {
  const each = await Promise.all(all.map((one) => one.counts()));
  const sum = (pick: (counts: Counts) => number): number => each.reduce((total, counts) => total + pick(counts), 0);
  return {
    requests: sum(({ requests }) => requests),
    answered: sum((counts) => counts.answered),
    connections: sum(({ connections }) => connections),
    bytes: sum(({ bytes }) => bytes),
  };
}
