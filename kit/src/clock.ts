/** Time and timers as a parameter, so that tests run without waiting. */
import { runOutsideTrace } from './trace.ts';

export interface Clock {
  /** Milliseconds that only ever grow (a jump of the wall clock does not show); their zero means nothing. */
  readonly nowMs: () => number;
  /** Runs once after `delayMs` (0 or more); returns what cancels it. */
  readonly after: (delayMs: number, run: () => void) => () => void;
}

/** The machine's monotonic clock. Its timers do not keep a process alive, nor do they belong to the request that set them. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  after: (delayMs, run) => {
    const timer = runOutsideTrace(() => setTimeout(run, delayMs));
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** A clock that stands still until a test moves it. */
export class FakeClock implements Clock {
  private time = 0;
  private made = 0;
  private timers: { dueMs: number; order: number; run: () => void }[] = [];

  readonly nowMs = (): number => this.time;

  readonly after = (delayMs: number, run: () => void): (() => void) => {
    const timer = { dueMs: this.time + Math.max(0, delayMs), order: this.made++, run };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((other) => other !== timer);
    };
  };

  /** How many timers are set. */
  get pending(): number {
    return this.timers.length;
  }

  /** Moves on, running what falls due in its order; after each timer, what it promised gets its turn. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.time + byMs;
    await settled();
    for (;;) {
      const next = this.timers
        .filter((timer) => timer.dueMs <= untilMs)
        .sort((a, b) => a.dueMs - b.dueMs || a.order - b.order)[0];
      if (next === undefined) break;
      this.timers = this.timers.filter((other) => other !== next);
      this.time = next.dueMs;
      next.run();
      await settled();
    }
    this.time = untilMs;
  }
}

/** One turn of the event loop, so that promises which wait for no I/O are settled. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
