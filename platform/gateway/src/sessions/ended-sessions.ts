/** Sessions that ended lately: their access tokens are refused though they have not lapsed. */

/** Longer than an access token lives (10 minutes). */
const REMEMBER_MS = 15 * 60_000;
const MAX = 200_000;

export class EndedSessions {
  private readonly endedAt = new Map<string, number>();
  private readonly nowMs: () => number;
  private readonly onEnded: (sessionId: string) => void;

  /** `onEnded` is called once for each session that is new here. */
  constructor(onEnded: (sessionId: string) => void, nowMs: () => number) {
    this.onEnded = onEnded;
    this.nowMs = nowMs;
  }

  has(sessionId: string): boolean {
    return this.endedAt.has(sessionId);
  }

  add(sessionIds: Iterable<string>): void {
    const nowMs = this.nowMs();
    for (const sessionId of sessionIds) {
      if (this.endedAt.has(sessionId)) continue;
      this.endedAt.set(sessionId, nowMs);
      this.onEnded(sessionId);
    }
    // In order of time, so the first that stays ends the search.
    for (const [sessionId, atMs] of this.endedAt) {
      if (nowMs - atMs < REMEMBER_MS && this.endedAt.size <= MAX) break;
      this.endedAt.delete(sessionId);
    }
  }
}
