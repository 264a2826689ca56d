/** The life of a process: starting, ready, draining, stopped; signals and unexpected errors lead through it in order. */
import type { Logger } from './log.ts';

export type Phase = 'starting' | 'ready' | 'draining' | 'stopped';
type Signal = 'started' | 'stop' | 'drained';

/** Phase x signal -> phase; a signal that a phase has no use for leaves it as it is. */
const TRANSITIONS: { readonly [P in Phase]: { readonly [S in Signal]: Phase } } = {
  starting: { started: 'ready', stop: 'draining', drained: 'starting' },
  ready: { started: 'ready', stop: 'draining', drained: 'ready' },
  draining: { started: 'draining', stop: 'draining', drained: 'stopped' },
  stopped: { started: 'stopped', stop: 'stopped', drained: 'stopped' },
};

interface Closer {
  readonly name: string;
  readonly close: () => Promise<void> | void;
}

/**
 * Collects what has to be closed and closes it in reverse order of opening.
 * `stopGraceMs` bounds the whole stop; after it the process exits with 1 and says what was still open.
 */
export class Lifecycle {
  private phaseNow: Phase = 'starting';
  private readonly closers: Closer[] = [];
  private readonly aborter = new AbortController();
  private stopping: Promise<void> | null = null;
  private readonly log: Logger;
  private readonly stopGraceMs: number;

  constructor(log: Logger, options: { stopGraceMs?: number } = {}) {
    this.log = log;
    this.stopGraceMs = options.stopGraceMs ?? 9_000;
  }

  get phase(): Phase {
    return this.phaseNow;
  }

  /** Aborted when draining begins. */
  get signal(): AbortSignal {
    return this.aborter.signal;
  }

  /** What is opened last is closed first. */
  onStop(name: string, close: Closer['close']): void {
    this.closers.push({ name, close });
  }

  started(): void {
    this.move('started');
  }

  /** Runs the closers once, however often it is called; a closer that fails is logged and does not keep the others. */
  stop(reason: string): Promise<void> {
    this.stopping ??= this.drain(reason);
    return this.stopping;
  }

  /** Stops on SIGTERM and SIGINT (exit code 0) and on an error that nobody caught (exit code 1). */
  handleSignals(process: NodeJS.Process): void {
    const end = (reason: string, exitCode: number) => {
      void this.stop(reason).then(() => process.exit(exitCode));
    };
    process.on('SIGTERM', () => end('SIGTERM', 0));
    process.on('SIGINT', () => end('SIGINT', 0));
    for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
      process.on(event, (error: unknown) => {
        this.log.fatal({ err: error }, `stopping: ${event}`);
        end(event, 1);
      });
    }
  }

  private async drain(reason: string): Promise<void> {
    this.move('stop');
    this.log.info({ reason }, 'stopping');
    this.aborter.abort(new Error(`stopping: ${reason}`));
    const closers = this.closers.toReversed();
    let open = closers.map((closer) => closer.name);
    const overdue = setTimeout(() => {
      this.log.error({ open, stopGraceMs: this.stopGraceMs }, 'not stopped within the grace; exiting');
      process.exit(1);
    }, this.stopGraceMs);
    overdue.unref();
    for (const closer of closers) {
      try {
        await closer.close();
      } catch (error) {
        this.log.error({ err: error, closer: closer.name }, 'could not close');
      }
      open = open.filter((name) => name !== closer.name);
    }
    clearTimeout(overdue);
    this.move('drained');
    this.log.info('stopped');
  }

  private move(signal: Signal): void {
    this.phaseNow = TRANSITIONS[this.phaseNow][signal];
  }
}
