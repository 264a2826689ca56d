/** Lets a few things run at a time, and the others wait for their turn in the order in which they came. */

interface Waiting {
  readonly begin: (mayRun: boolean) => void;
  readonly untilMs: number;
}

export interface TurnsOptions {
  /** At a time. */
  readonly running: number;
  /** Beyond so many that wait, nobody does. */
  readonly waiting: number;
  /** Whoever has waited for longer goes away. */
  readonly waitMs: number;
}

export class Turns {
  private readonly options: TurnsOptions;
  private readonly nowMs: () => number;
  private readonly queue = new Set<Waiting>();
  private running = 0;

  constructor(options: TurnsOptions, nowMs: () => number) {
    this.options = options;
    this.nowMs = nowMs;
  }

  /** What `work` comes to; null when its turn did not come, or too late: it was not begun then. */
  async take<T>(work: () => Promise<T>): Promise<T | null> {
    if (!(await this.turn())) return null;
    try {
      return await work();
    } finally {
      this.running -= 1;
      this.next();
    }
  }

  /** Each that runs ends by itself, so that a turn comes to everybody who waits; whether it came in time is found then. */
  private turn(): Promise<boolean> {
    const { running, waiting, waitMs } = this.options;
    if (this.running < running) {
      this.running += 1;
      return Promise.resolve(true);
    }
    if (this.queue.size >= waiting) return Promise.resolve(false);
    return new Promise((begin) => this.queue.add({ begin, untilMs: this.nowMs() + waitMs }));
  }

  private next(): void {
    const nowMs = this.nowMs();
    for (const one of this.queue) {
      this.queue.delete(one);
      const mayRun = one.untilMs > nowMs;
      one.begin(mayRun);
      if (!mayRun) continue;
      this.running += 1;
      return;
    }
  }
}
