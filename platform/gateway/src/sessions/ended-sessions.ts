/** Sessions that ended lately: their access tokens are refused though they have not lapsed. */

/** Longer than an access token lives (10 minutes). Each is remembered for this time at least, and twice as long at most. */
const REMEMBER_MS = 15 * 60_000;
/** More than this in that time is no longer remembered in full: tokens of the first ones could be used until they lapse. */
const MAX = 1_000_000;

export class EndedSessions {
  private young = new Set<string>();
  private old = new Set<string>();
  private turnedAtMs: number;
  private readonly nowMs: () => number;
  private readonly onEnded: (sessionId: string) => void;

  /**
   * `onEnded` is called once for each session that is new here. By the wall clock, as tokens lapse: when it is set back they live
   * longer, and so must this.
   */
  constructor(onEnded: (sessionId: string) => void, nowMs: () => number = Date.now) {
    this.onEnded = onEnded;
    this.nowMs = nowMs;
    this.turnedAtMs = nowMs();
  }

  has(sessionId: string): boolean {
    return this.young.has(sessionId) || this.old.has(sessionId);
  }

  add(sessionIds: Iterable<string>): void {
    const nowMs = this.nowMs();
    if (nowMs - this.turnedAtMs >= REMEMBER_MS || this.young.size >= MAX) {
      this.old = this.young;
      this.young = new Set();
      this.turnedAtMs = nowMs;
    }
    for (const sessionId of sessionIds) {
      const isNew = !this.has(sessionId);
      this.young.add(sessionId);
      if (isNew) this.onEnded(sessionId);
    }
  }
}
