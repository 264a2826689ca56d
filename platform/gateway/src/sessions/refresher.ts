/** Rotates refresh tokens, once for all who come with the same one at the same time. */
import { ACCESS_TOKEN_SECONDS, REFRESH_GRACE_SECONDS } from '@switchyard/contracts/session';
import type { GrantedSession } from '@switchyard/contracts/session';
import { systemClock } from '@switchyard/kit/clock';
import { isRefusal, refuse } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import { BoundedMap } from '../bounded-map.ts';
import { errors } from '../errors.ts';
import type { AccessTokens, Grant } from './access-tokens.ts';
import type { EndedSessions } from './ended-sessions.ts';
import { sessionCookies } from './session-cookies.ts';
import type { SessionStore } from './session-store.ts';
import { Turns } from './turns.ts';

export type RefreshStore = Pick<SessionStore, 'refresh'>;

/** How often it is looked whether anybody still waits while the store takes its time. */
const LOOK_EVERY_MS = 100;

/** A session as a browser or program gets it. */
export interface OpenedSession {
  readonly grant: Grant;
  readonly accessToken: string;
  readonly cookies: readonly string[];
}

interface Shared {
  readonly result: Promise<OpenedSession | Refusal>;
  /** By the clock that only grows: a jump of the other one would share for hours, and a replay would go unnoticed. */
  untilMs: number;
  /** Whether each of those who wait for it still does. */
  readonly tabs: (() => boolean)[];
  /** All of them had gone when it was there. */
  isUndelivered: boolean;
}

const SHARED_MAX = 10_000;
const GRACE_MS = REFRESH_GRACE_SECONDS * 1_000;
/**
 * What nobody got, since all tabs had been closed in that moment, is kept for whoever comes next with the same token, as long as its
 * access token is good for something; his grace begins then. Asked of the store, he would be taken for a thief.
 */
const UNDELIVERED_MS = (ACCESS_TOKEN_SECONDS * 1_000) / 2;
/**
 * A thousand sessions that wake together must not keep the store from answering anything else for seconds; and who waits here has
 * not been rotated yet, so that nothing is lost when it takes too long.
 */
const AT_A_TIME = { running: 16, waiting: SHARED_MAX, waitMs: 15_000 };

export class Refresher {
  private readonly store: RefreshStore;
  private readonly tokens: AccessTokens;
  private readonly ended: EndedSessions;
  private readonly nowMs: () => number;
  private readonly turns: Turns;
  private readonly shared = new BoundedMap<Shared>(SHARED_MAX);

  constructor(
    store: RefreshStore,
    tokens: AccessTokens,
    ended: EndedSessions,
    nowMs: () => number = systemClock.nowMs,
  ) {
    this.store = store;
    this.tokens = tokens;
    this.ended = ended;
    this.nowMs = nowMs;
    this.turns = new Turns(AT_A_TIME, nowMs);
  }

  /**
   * A new session state for a refresh token. Tabs that wake together bring the same token: the first one rotates it, the others
   * get what it got, for some seconds more. A refusal is NOT_SIGNED_IN or SESSIONS_UNAVAILABLE.
   *
   * @param isWanted whether who asks still waits: for tabs that have all gone before the store has answered nothing is rotated
   */
  async refresh(refreshToken: string, isWanted: () => boolean): Promise<OpenedSession | Refusal> {
    const known = this.shared.get(refreshToken);
    if (known !== undefined && known.untilMs > this.nowMs()) {
      if (known.untilMs === Infinity) known.tabs.push(isWanted);
      if (known.isUndelivered) {
        known.isUndelivered = false;
        known.untilMs = this.nowMs() + GRACE_MS;
      }
      return this.unlessEnded(await known.result);
    }
    const begun = Promise.withResolvers<OpenedSession | Refusal>();
    const entry: Shared = { result: begun.promise, untilMs: Infinity, tabs: [isWanted], isUndelivered: false };
    this.shared.set(refreshToken, entry);
    try {
      const result = await this.rotate(refreshToken, entry);
      // Only success is shared on: a store that was away is asked again by the next one who comes.
      if (isRefusal(result)) this.forget(refreshToken, entry);
      begun.resolve(result);
    } catch (error) {
      this.forget(refreshToken, entry);
      begun.reject(error);
    }
    return this.unlessEnded(await begun.promise);
  }

  private forget(refreshToken: string, entry: Shared): void {
    if (this.shared.get(refreshToken) === entry) this.shared.delete(refreshToken);
  }

  /** A session may have ended while its refresh was under way, or after that was shared. It never begins again. */
  private unlessEnded(result: OpenedSession | Refusal): OpenedSession | Refusal {
    if (isRefusal(result) || !this.ended.has(result.grant.sessionId)) return result;
    return refuse(errors.NOT_SIGNED_IN);
  }

  /** Signs the access token of a session that the store has just granted. */
  async opened(granted: GrantedSession): Promise<OpenedSession> {
    const { token, grant } = await this.tokens.issue(granted.user, granted.sessionId);
    return {
      grant,
      accessToken: token,
      cookies: sessionCookies({
        accessToken: token,
        accessSeconds: ACCESS_TOKEN_SECONDS,
        refreshToken: granted.refreshToken,
        refreshSeconds: granted.refreshExpiresInSeconds,
      }),
    };
  }

  /** The grace counts from when the store was asked, and the wait for the answer is over by then. */
  private async rotate(refreshToken: string, entry: Shared): Promise<OpenedSession | Refusal> {
    let askedAtMs = 0;
    const isWanted = (): boolean => entry.tabs.some((isTabWanted) => isTabWanted());
    const granted = await this.turns.take(async () => {
      if (!isWanted()) return null;
      askedAtMs = this.nowMs();
      const abandoned = new AbortController();
      const look = setInterval(() => {
        if (!isWanted()) abandoned.abort();
      }, LOOK_EVERY_MS);
      try {
        return await this.store.refresh(refreshToken, abandoned.signal);
      } finally {
        clearInterval(look);
      }
    });
    if (granted === null) return refuse(errors.SESSIONS_UNAVAILABLE, { retryAfterSeconds: 2 });
    if (isRefusal(granted)) return granted;
    entry.isUndelivered = !isWanted();
    entry.untilMs = askedAtMs + (entry.isUndelivered ? UNDELIVERED_MS : GRACE_MS);
    return this.opened(granted);
  }
}
