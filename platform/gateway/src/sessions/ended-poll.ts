/** Asks the session store every two seconds which sessions have ended: elsewhere, by a password change, with an account. */
import { isRefusal } from '@switchyard/kit/errors';
import type { EndedSessions } from './ended-sessions.ts';
import type { SessionStore } from './session-store.ts';

const EVERY_MS = 2_000;

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

  start(): void {
    void this.round();
  }

  stop(): void {
    this.isStopped = true;
    this.cancel();
  }

  private async round(): Promise<void> {
    await this.ask();
    if (!this.isStopped) this.cancel = this.after(EVERY_MS, () => void this.round());
  }

  /** While the store is away nothing is forgotten: the cursor stays. */
  private async ask(): Promise<void> {
    const answer = await this.store.ended(this.cursor);
    if (isRefusal(answer)) return;
    this.ended.add(answer.sessionIds);
    this.cursor = answer.cursor;
  }
}
