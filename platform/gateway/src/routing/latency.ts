/** How long an instance takes, as a moving average over time, for comparison with other instances. */

/** What was observed within this time weighs about as much as all that came before. */
const WINDOW_MS = 2_000;
/** While nothing is observed, the memory fades to 1/e within this time. */
const FADING_MS = 20_000;
/** Below this age, what would have faded is less than the average is exact. */
const FRESH_MS = 200;
/** A failure counts like an answer this slow, so that an instance which fails fast attracts no load. */
export const FAILURE_COUNTS_AS_MS = 5_000;

/**
 * Weighted by time and not by number, so that a hundred answers at once say no more than one. It follows slow answers as fast as
 * quick ones: an average that jumps to each peak (Finagle's) takes every instance for slow when answers differ much by nature, and
 * in simulation sent the one that really was three to ten times as many requests. A sudden slowness shows in what is in flight first.
 */
export class Latency {
  private averageMs = 0;
  private atMs = 0;
  private isKnownNow = false;

  /** Whether anything was observed. */
  get isKnown(): boolean {
    return this.isKnownNow;
  }

  observe(latencyMs: number, nowMs: number): void {
    const agoMs = Math.max(0, nowMs - this.atMs);
    if (this.isKnownNow) this.averageMs += (latencyMs - this.averageMs) * (agoMs / (agoMs + WINDOW_MS));
    else this.averageMs = latencyMs;
    this.isKnownNow = true;
    this.atMs = nowMs;
  }

  forget(): void {
    this.isKnownNow = false;
    this.averageMs = 0;
  }

  /** Milliseconds, fading while nothing is observed, so that an instance that was slow gets another chance. */
  at(nowMs: number): number {
    const agoMs = nowMs - this.atMs;
    return agoMs < FRESH_MS ? this.averageMs : this.averageMs * Math.exp(-agoMs / FADING_MS);
  }
}
