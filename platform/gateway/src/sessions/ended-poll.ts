/** Asks the session store every two seconds which sessions have ended: elsewhere, by a password change, with an account. */
import { isRefusal } from '@switchyard/kit/errors';
import type { EndedSessions } from './ended-sessions.ts';
import type { SessionStore } from './session-store.ts';

const EVERY_MS = 2_000;
/** The store tells a thousand or so at a time; what is left after so many answers waits for the next round. */
const ANSWERS_MAX = 100;

export class EndedPoll {
  private readonly store: SessionStore;
  private readonly ended: EndedSessions;
  private readonly after: (delayMs: number, run: () => void) => () => void;
  private cursor: string | null = null;
  private cancel = (): void => {};
  private isStopped = false;

  constructor(store: SessionStore, ended: EndedSessions, after: (delayMs: number, run: () => void) => () => void) {
    this.store = store;
    this.ended = ended;
    this.after = after;
  }

  /** Resolves when all that ended before is known, or the store has been found away. */
  start(): Promise<void> {
    return this.round();
  }

  stop(): void {
    this.isStopped = true;
    this.cancel();
  }

  private async round(): Promise<void> {
    await this.ask();
    if (!this.isStopped) this.cancel = this.after(EVERY_MS, () => void this.round());
  }

  /** Until there are no more. While the store is away nothing is forgotten: the cursor stays. */
  private async ask(): Promise<void> {
    for (let answers = 0; answers < ANSWERS_MAX && !this.isStopped; answers += 1) {
      const answer = await this.store.ended(this.cursor);
      if (isRefusal(answer)) return;
      this.ended.add(answer.sessionIds);
      // What ended beside a transaction that still runs is told again until that has ended.
      if (answer.sessionIds.length === 0 || answer.cursor === this.cursor) return;
      this.cursor = answer.cursor;
    }
  }
}
