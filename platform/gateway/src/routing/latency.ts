/** A moving average of how long an instance takes: a slow answer counts at once, a fast one little by little. */

/** Within this time the memory of a slow answer halves and more (1/e). */
const MEMORY_MS = 10_000;
/** A failure counts like an answer this slow, so that an instance which fails fast attracts no load. */
export const FAILURE_COUNTS_AS_MS = 5_000;

/** Peak-sensitive exponentially weighted moving average (as in Finagle's load balancer). */
export class Latency {
  private averageMs = 0;
  private atMs = 0;

  observe(latencyMs: number, nowMs: number): void {
    const weight = Math.exp((this.atMs - nowMs) / MEMORY_MS);
    this.averageMs =
      latencyMs > this.averageMs * weight ? latencyMs : this.averageMs * weight + latencyMs * (1 - weight);
    this.atMs = nowMs;
  }

  /** Milliseconds, fading while nothing is observed, so that an instance that was slow gets another chance. */
  at(nowMs: number): number {
    return this.averageMs * Math.exp((this.atMs - nowMs) / MEMORY_MS);
  }
}
