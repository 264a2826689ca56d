/** One further worker as the first one sees it: its process, made anew whenever it has died, and the line to it. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { Logger } from '@switchyard/kit/log';
import type { GivenSockets } from '../handover/inherited-sockets.ts';
import { activated } from '../handover/inherited-sockets.ts';
import { Channel, lineOf } from './channel.ts';
import type { OnNotice, OnQuestion } from './channel.ts';
import { RestartPause } from './restart-pause.ts';
import { nextWorkerStage } from './worker-stage.ts';
import type { WorkerSignal, WorkerStage } from './worker-stage.ts';

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));
/** What is told to the first process alone. */
const NOT_HANDED_ON = ['PREDECESSOR_ID', 'PREDECESSOR_PORT', 'SUCCESSOR_FILE'];

export interface WorkerProcessOptions {
  /** From 2 on. */
  readonly number: number;
  readonly sockets: () => GivenSockets;
  readonly environment: NodeJS.ProcessEnv;
  readonly log: Logger;
  readonly nowMs: () => number;
  readonly after: (delayMs: number, run: () => void) => () => void;
  readonly onNotice: OnNotice;
  readonly onQuestion: OnQuestion;
  /** It was started, and is told things from now on. */
  readonly onStarted: (channel: Channel) => void;
  /** It has ended, for whatever reason; `isDeath`: nobody had told it to. */
  readonly onEnded: (isDeath: boolean) => void;
}

export class WorkerProcess {
  readonly number: number;
  private readonly options: WorkerProcessOptions;
  private readonly pause = new RestartPause();
  private stageNow: WorkerStage = 'starting';
  private child: ChildProcess | null = null;
  private channelNow: Channel | null = null;
  private bornMs = 0;
  private cancelPause = (): void => {};
  private readonly waitingForEnd = new Set<() => void>();

  constructor(options: WorkerProcessOptions) {
    this.options = options;
    this.number = options.number;
  }

  get stage(): WorkerStage {
    return this.stageNow;
  }

  /** Null while there is no process. */
  get pid(): number | null {
    return this.child?.pid ?? null;
  }

  /** The line to it; null while there is none. */
  get channel(): Channel | null {
    return this.channelNow;
  }

  /** When its process was made, by the clock that was given. */
  get startedAtMs(): number {
    return this.bornMs;
  }

  start(): void {
    const { number, log, after, onNotice, onQuestion, nowMs, sockets, environment } = this.options;
    this.bornMs = nowMs();
    const { descriptors, variables } = sockets();
    const inherited = Object.entries(environment).filter(([name]) => !NOT_HANDED_ON.includes(name));
    // In the session of the first one: whoever ends that as a whole ends the workers with it.
    const [command, ...argv] = activated([process.execPath, ...process.execArgv, MAIN]);
    const child = spawn(command!, argv, {
      env: { ...Object.fromEntries(inherited), ...variables, WORKER: String(number) },
      stdio: ['ignore', 'inherit', 'inherit', ...descriptors, 'ipc'],
    });
    this.child = child;
    const channel = new Channel({
      line: lineOf(child, after),
      after,
      onNotice: {
        ...onNotice,
        serving: (said, socket) => {
          this.move('opened');
          onNotice.serving?.(said, socket);
        },
        'wants to leave': () => this.retire(),
      },
      onQuestion,
      onFault: (error) => log.error({ err: error, worker: number }, 'what a worker asked could not be answered'),
    });
    this.channelNow = channel;
    this.options.onStarted(channel);
    child.on('message', (message, socket) => channel.take(message, socket as Socket | undefined));
    child.on('error', (error) => {
      log.error({ err: error, worker: number }, 'a worker');
      // Where no process could be made, no end will be told of.
      if (child.pid === undefined) this.ended(child, null, null);
    });
    child.on('exit', (code, signal) => this.ended(child, code, signal));
  }

  /** Whether it may be given connections. */
  get isServing(): boolean {
    return this.stageNow === 'serving';
  }

  /** It goes, and another process takes its place. */
  retire(): void {
    this.move('wants to leave');
    // With the whole gateway it leaves as that does.
    if (this.stageNow !== 'retiring') return;
    this.channelNow?.tell('leave', { isShared: true });
  }

  /** It goes with the gateway; resolves when it has ended, after `withinMs` by force. */
  async leave(isShared: boolean, withinMs: number): Promise<void> {
    this.move('gateway leaves');
    this.cancelPause();
    if (this.child === null) return;
    const ended = new Promise<void>((resolve) => this.waitingForEnd.add(resolve));
    this.channelNow?.tell('leave', { isShared });
    const cancel = this.options.after(withinMs, () => this.kill());
    await ended;
    cancel();
  }

  kill(): void {
    this.child?.kill('SIGKILL');
  }

  private ended(child: ChildProcess, code: number | null, signal: NodeJS.Signals | null): void {
    if (this.child !== child) return;
    const { number, log, nowMs, after, onEnded } = this.options;
    const wasTold = this.stageNow === 'retiring' || this.stageNow === 'leaving';
    this.child = null;
    this.channelNow?.close();
    this.channelNow = null;
    this.move('ended');
    for (const wake of this.waitingForEnd) wake();
    this.waitingForEnd.clear();
    onEnded(!wasTold);
    if (this.stageNow !== 'pausing') return;
    const pauseMs = wasTold ? 0 : this.pause.afterLifeOf(nowMs() - this.bornMs);
    log[wasTold ? 'info' : 'error'](
      { worker: number, code, signal, pauseMs },
      'a worker has ended; it is started again',
    );
    this.cancelPause = after(pauseMs, () => {
      this.move('pause over');
      if (this.stageNow === 'starting') this.start();
    });
  }

  private move(signal: WorkerSignal): void {
    this.stageNow = nextWorkerStage(this.stageNow, signal);
  }
}
