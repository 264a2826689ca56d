/** The further workers of a gateway, as the first one keeps them: started, asked, told, started again, and taken along when it leaves. */
import type { Server, Socket } from 'node:net';
import type { Clock } from '@switchyard/kit/clock';
import type { Logger } from '@switchyard/kit/log';
import type { GivenSockets, SocketName } from '../handover/inherited-sockets.ts';
import type { Counts } from '../observe/figures.ts';
import type { OnNotice, OnQuestion } from './channel.ts';
import type { NoticeName, Notices, WantedFigures, WorkerFigures } from './messages.ts';
import { Spread } from './spread.ts';
import { Tally } from './tally.ts';
import { WorkerProcess } from './worker-process.ts';
import type { WorkerStage } from './worker-stage.ts';

/** How long a page waits for a worker's figures. */
const FIGURES_MS = 1_000;
/** Between two looks at each of them, also when nobody reads a page: what a worker has counted since is lost if it dies. */
const LOOK_EVERY_MS = 2_000;
/** One that has not answered for so long does nothing else either, and is ended by force. */
const SILENT_MAX_MS = 30_000;
/** Who has not told of a connection after so long (they do within 50 ms) gets no more of them until it says something. */
const WORD_MS = 500;
/** Beyond the time that a worker itself takes to leave. */
const LEAVE_MORE_MS = 1_000;

export interface WorkersOptions {
  /** How many there are to be, the first included. */
  readonly count: number;
  /** The first one, in this process. */
  readonly own: () => Promise<WorkerFigures>;
  readonly sockets: () => GivenSockets;
  /** Connections that the first one has. */
  readonly openConnections: () => number;
  readonly environment: NodeJS.ProcessEnv;
  readonly isReady: () => boolean;
  /** Somebody has signed out at another worker. */
  readonly signedOut: (said: Notices['signed out']) => void;
  /** A breaker has opened at another worker, or an instance was ejected there. */
  readonly trouble: (said: Notices['trouble']) => void;
  readonly limits: { readonly onQuestion: OnQuestion; readonly onNotice: OnNotice };
  readonly clock: Clock;
  readonly log: Logger;
}

export interface WorkerState {
  readonly worker: number;
  readonly pid: number | null;
  readonly stage: WorkerStage;
}

/** What the admin interface shows of all of them. */
export interface AllFigures {
  readonly counts: Counts;
  /** Of those who have answered, by their number. */
  readonly workers: ReadonlyMap<number, WorkerFigures>;
  readonly states: readonly WorkerState[];
  readonly deaths: number;
}

export class Workers {
  private readonly options: WorkersOptions;
  private readonly tally = new Tally();
  private readonly others: readonly WorkerProcess[];
  private readonly heardAtMs = new Map<number, number>();
  /** When those were first given a connection that have said nothing of it yet. */
  private readonly givenSinceMs = new Map<number, number>();
  private deaths = 0;
  private cancelLook = (): void => {};
  private isStarted = false;
  private readonly spread: Spread;
  private isLeaving = false;

  constructor(options: WorkersOptions) {
    this.options = options;
    this.spread = new Spread({
      open: options.openConnections,
      tell: (open) => this.tellSpread(open),
      give: (to, name, socket, failed) => this.give(to, name, socket, failed),
      clock: options.clock,
    });
    this.others = Array.from({ length: options.count - 1 }, (_, index) => this.another(index + 2));
  }

  /** What arrives at that server is shared with the others. Before it listens. */
  guard(name: SocketName, server: Server): void {
    if (this.others.length > 0) this.spread.guard(name, server);
  }

  /** The door is open: the others may accept at it too. */
  start(): void {
    this.isStarted = true;
    for (const one of this.others) one.start();
    if (this.others.length > 0) this.lookLater();
  }

  /** Each of them that is there, but for `except`. */
  tell<N extends NoticeName>(name: N, said: Notices[N], except = 0): void {
    for (const one of this.others) if (one.number !== except) one.channel?.tell(name, said);
  }

  /** `forget`: deployments that left, and were told of for the last time. */
  async figures(forget: readonly string[]): Promise<AllFigures> {
    this.tally.forget(forget);
    const answers = await Promise.all(
      this.others.map(async (one) => [one.number, await this.ask(one, { forget, withProcess: true })] as const),
    );
    const ofFirst = await this.options.own();
    const workers = new Map<number, WorkerFigures>([[1, ofFirst]]);
    for (const [number, answer] of answers) if (answer !== null) workers.set(number, answer);
    const first: WorkerState = { worker: 1, pid: process.pid, stage: 'serving' };
    return {
      counts: this.tally.sum(ofFirst.counts),
      workers,
      states: [first, ...this.others.map(({ number, pid, stage }) => ({ worker: number, pid, stage }))],
      deaths: this.deaths,
    };
  }

  /** Resolves when all of them have ended. */
  async leave(isShared: boolean, withinMs: number): Promise<void> {
    this.isLeaving = true;
    this.cancelLook();
    if (!this.isStarted) return;
    await Promise.all(this.others.map((one) => one.leave(isShared, withinMs + LEAVE_MORE_MS)));
  }

  private another(number: number): WorkerProcess {
    const { sockets, environment, log, clock, limits, signedOut, trouble } = this.options;
    const one = new WorkerProcess({
      number,
      sockets,
      environment,
      log,
      ...clock,
      onNotice: {
        ...limits.onNotice,
        serving: () => {
          this.spread.hear(number, 0);
          this.spread.tellNow();
        },
        connections: ({ open }) => {
          this.givenSinceMs.delete(number);
          if (!one.isServing) return;
          this.spread.hear(number, open);
          this.spread.changed();
        },
        connection: ({ to, name }, socket) => this.passOn(to, name, socket),
        'signed out': (said) => {
          signedOut(said);
          this.tell('signed out', said, number);
        },
        trouble: (said) => {
          trouble(said);
          this.tell('trouble', said, number);
        },
      },
      onQuestion: {
        ...limits.onQuestion,
        farewell: ({ counts }) => {
          this.tally.take(number, counts);
          return true;
        },
      },
      onStarted: (channel) => {
        this.heardAtMs.set(number, clock.nowMs());
        channel.tell('welcome', { isReady: this.options.isReady() });
      },
      onEnded: (isDeath) => {
        if (isDeath) this.deaths += 1;
        this.tally.ended(number);
        this.givenSinceMs.delete(number);
        this.spread.changed();
      },
    });
    return one;
  }

  /** To each what is known of all but itself. */
  private tellSpread(heard: ReadonlyMap<number, number>): void {
    const open = new Map([[1, this.options.openConnections()], ...heard]);
    for (const one of this.others) {
      if (!one.isServing) {
        this.spread.forget(one.number);
        open.delete(one.number);
      }
    }
    for (const one of this.others.filter(({ isServing }) => isServing))
      one.channel?.tell('spread', { open: [...open].filter(([worker]) => worker !== one.number) });
  }

  /** One of them gives a connection to another, or to the first. */
  private passOn(to: number, name: SocketName, socket: Socket | undefined): void {
    // Without it, its client left on the way.
    if (socket !== undefined) this.give(to, name, socket, () => this.spread.take(name, socket));
  }

  /** `failed`: it is not there, or has said nothing since it was given another one, and may be unable to serve. */
  private give(to: number, name: SocketName, socket: Socket, failed: () => void): void {
    const one = this.others.find(({ number }) => number === to);
    const nowMs = this.options.clock.nowMs();
    const sinceMs = this.givenSinceMs.get(to) ?? nowMs;
    if (one === undefined || one.channel === null || !one.isServing || nowMs - sinceMs > WORD_MS) {
      this.spread.forget(to);
      this.spread.changed();
      return failed();
    }
    this.givenSinceMs.set(to, sinceMs);
    one.channel.tellWith('connection', { to, name }, socket, failed);
  }

  /** Null: it does not answer, or is not there. */
  private async ask({ number, channel }: WorkerProcess, wanted: WantedFigures): Promise<WorkerFigures | null> {
    const answer = (await channel?.ask('figures', wanted, FIGURES_MS)) ?? null;
    if (answer === null) return null;
    this.heardAtMs.set(number, this.options.clock.nowMs());
    this.tally.take(number, answer.counts);
    return answer;
  }

  private async look(): Promise<void> {
    const { clock, log } = this.options;
    await Promise.all(this.others.map((one) => this.ask(one, { forget: [], withProcess: false })));
    for (const one of this.others) {
      const silentMs = clock.nowMs() - (this.heardAtMs.get(one.number) ?? 0);
      if (one.pid === null || silentMs < SILENT_MAX_MS) continue;
      log.error({ worker: one.number, pid: one.pid, silentMs }, 'a worker does not answer; it is ended');
      one.kill();
    }
    this.lookLater();
  }

  private lookLater(): void {
    if (!this.isLeaving) this.cancelLook = this.options.clock.after(LOOK_EVERY_MS, () => void this.look());
  }
}
