/** How fast one client sends or takes bytes, judged by the time in which nobody but the client was waited for. */

export interface PaceLimits {
  /** 0: any pace will do. */
  readonly minBytesPerSecond: number;
  /** What every client may be waited for in all, before its pace counts. */
  readonly graceMs: number;
  /** How long who was fast may pause. Bytes that the kernel took for a client count as taken: they must not buy hours. */
  readonly pauseMs: number;
}

export class Pace {
  private readonly limits: PaceLimits;
  /** How long it may still be waited for. */
  private creditMs: number;
  private lookedAtMs = -1;
  private bytes = 0;

  constructor(limits: PaceLimits) {
    this.limits = limits;
    this.creditMs = limits.graceMs;
  }

  /**
   * To be called at every look at the request.
   *
   * @param isWaitedFor whether it is the client that keeps the rest waiting, now and since the last look
   * @param bytes that it has sent, or taken, in all
   */
  isTooSlow(isWaitedFor: boolean, bytes: number, nowMs: number): boolean {
    const { minBytesPerSecond, graceMs, pauseMs } = this.limits;
    if (minBytesPerSecond === 0) return false;
    // What was counted as taken may turn out to wait still: that is no debt.
    const earnedMs = (Math.max(0, bytes - this.bytes) * 1_000) / minBytesPerSecond;
    this.bytes = Math.max(this.bytes, bytes);
    this.creditMs = Math.min(this.creditMs + earnedMs, Math.max(graceMs, pauseMs));
    if (isWaitedFor && this.lookedAtMs !== -1) this.creditMs -= nowMs - this.lookedAtMs;
    this.lookedAtMs = nowMs;
    return isWaitedFor && this.creditMs < 0;
  }
}
