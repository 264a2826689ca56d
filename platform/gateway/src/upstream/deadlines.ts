/** Watches every wait of every running request from one timer, instead of a timer for each. */
import { Roster } from '../roster.ts';
import type { Rostered } from '../roster.ts';

export interface Watched extends Rostered {
  /** Called about ten times a second. */
  checkDeadline(nowMs: number): void;
}

const TICK_MS = 100;
/** Between two ticks: after longer than this, it was this process that stood still (a paused machine, a throttled container). */
const STALL_MS = 500;

export class Deadlines {
  /** `performance.now()` of the last tick: exact enough to notice silence. */
  coarseNowMs: number;
  private readonly watched = new Roster<Watched>();
  private readonly nowMs: () => number;
  private timer: NodeJS.Timeout | null = null;
  private isPutOff = false;

  constructor(nowMs: () => number) {
    this.nowMs = nowMs;
    this.coarseNowMs = nowMs();
  }

  start(): void {
    this.timer ??= setInterval(() => this.tick(), TICK_MS).unref();
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  get size(): number {
    return this.watched.size;
  }

  add(watched: Watched): void {
    this.watched.add(watched);
  }

  remove(watched: Watched): void {
    this.watched.remove(watched);
  }

  tick(): void {
    const nowMs = this.nowMs();
    const hasStalled = nowMs - this.coarseNowMs > STALL_MS;
    this.coarseNowMs = nowMs;
    // Timers come before sockets are read: answers that came in time lie there unread, and services would be blamed for all of them.
    // Once only: a process that is always late must notice silence too.
    this.isPutOff = hasStalled && !this.isPutOff;
    if (this.isPutOff) return;
    this.watched.forEach((watched) => watched.checkDeadline(this.coarseNowMs));
  }
}
