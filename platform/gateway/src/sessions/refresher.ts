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

/** A session as a browser or program gets it. */
export interface OpenedSession {
  readonly grant: Grant;
  readonly accessToken: string;
  readonly cookies: readonly string[];
}

interface Shared {
  readonly result: Promise<OpenedSession | Refusal>;
  /** By the clock that only grows: a jump of the other one would share for hours, and a replay would go unnoticed. */
  readonly untilMs: number;
}

const SHARED_MAX = 10_000;

export class Refresher {
  private readonly store: SessionStore;
  private readonly tokens: AccessTokens;
  private readonly ended: EndedSessions;
  private readonly nowMs: () => number;
  private readonly shared = new BoundedMap<Shared>(SHARED_MAX);

  constructor(
    store: SessionStore,
    tokens: AccessTokens,
    ended: EndedSessions,
    nowMs: () => number = systemClock.nowMs,
  ) {
    this.store = store;
    this.tokens = tokens;
    this.ended = ended;
    this.nowMs = nowMs;
  }

  /**
   * A new session state for a refresh token. Tabs that wake together bring the same token: the first one rotates it, the others
   * get what it got, for some seconds more. A refusal is NOT_SIGNED_IN or SESSIONS_UNAVAILABLE.
   */
  async refresh(refreshToken: string): Promise<OpenedSession | Refusal> {
    const nowMs = this.nowMs();
    const known = this.shared.get(refreshToken);
    if (known !== undefined && known.untilMs > nowMs) return this.unlessEnded(await known.result);
    const result = this.rotate(refreshToken);
    const entry: Shared = { result, untilMs: nowMs + REFRESH_GRACE_SECONDS * 1_000 };
    this.shared.set(refreshToken, entry);
    const forget = (): void => {
      if (this.shared.get(refreshToken) === entry) this.shared.delete(refreshToken);
    };
    // Only success is shared on: a store that was away is asked again by the next one who comes.
    result.then((outcome) => isRefusal(outcome) && forget(), forget);
    return this.unlessEnded(await result);
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

  private async rotate(refreshToken: string): Promise<OpenedSession | Refusal> {
    const granted = await this.store.refresh(refreshToken);
    return isRefusal(granted) ? granted : this.opened(granted);
  }
}
