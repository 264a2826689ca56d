/** Asks the service that knows passwords and sessions, over the same table and connections as every request. */
import { endedSessions, grantedSession } from '@switchyard/contracts/session';
import type { GrantedSession, SignIn } from '@switchyard/contracts/session';
import { isRefusal, refuse } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import type { Logger } from '@switchyard/kit/log';
import type { z } from 'zod';
import { errors } from '../errors.ts';
import { claimInstance } from '../routing/claim.ts';
import { FAILURE_COUNTS_AS_MS } from '../routing/latency.ts';
import type { Instance } from '../routing/instance.ts';
import type { RoutingTable } from '../routing/routing-table.ts';
import { LIVE_BUCKET } from '../routing/split.ts';
import { askInstance } from '../upstream/own-request.ts';
import type { OwnAnswer } from '../upstream/own-request.ts';

/** Checking a password costs the service real work, and more when many sign in at once. */
const DEADLINE_MS = 15_000;

export interface SessionStoreOptions {
  readonly routing: RoutingTable;
  /** Name of the service. */
  readonly service: string;
  /** The gateway's SERVICE_TOKEN. */
  readonly token: string;
  readonly log: Logger;
  readonly nowMs: () => number;
}

/** Expected refusals are returned; all else, unreachability among it, is SESSIONS_UNAVAILABLE, also returned. */
export class SessionStore {
  private readonly options: SessionStoreOptions;
  /** So that its absence is logged once, not every two seconds. */
  private isAway = false;

  constructor(options: SessionStoreOptions) {
    this.options = options;
  }

  /** SIGN_IN_REFUSED when login or password is wrong. */
  async open(signIn: SignIn): Promise<GrantedSession | Refusal> {
    const answer = await this.ask('POST', '/internal/sessions', signIn);
    if (isRefusal(answer)) return answer;
    if (answer.status === 401 || answer.status === 400) return refuse(errors.SIGN_IN_REFUSED);
    return this.parsed(answer, 201, grantedSession);
  }

  /** NOT_SIGNED_IN when the refresh token is not valid (any more). */
  async refresh(refreshToken: string): Promise<GrantedSession | Refusal> {
    const answer = await this.ask('POST', '/internal/sessions/refresh', { refreshToken });
    if (isRefusal(answer)) return answer;
    if (answer.status === 401 || answer.status === 400) return refuse(errors.NOT_SIGNED_IN);
    return this.parsed(answer, 200, grantedSession);
  }

  async end(which: { sessionId: string } | { allOfUser: string }): Promise<Refusal | undefined> {
    const answer = await this.ask('POST', '/internal/sessions/end', which);
    if (isRefusal(answer)) return answer;
    return answer.status === 204 ? undefined : this.unexpected(answer);
  }

  /** Sessions that ended after `cursor`; without it, in the last 15 minutes. */
  async ended(cursor: string | null): Promise<z.infer<typeof endedSessions> | Refusal> {
    const query = cursor === null ? '' : `?after=${encodeURIComponent(cursor)}`;
    const answer = await this.ask('GET', `/internal/sessions/ended${query}`, undefined);
    return isRefusal(answer) ? answer : this.parsed(answer, 200, endedSessions);
  }

  private parsed<S extends z.ZodType>(answer: OwnAnswer, status: number, schema: S): z.infer<S> | Refusal {
    if (answer.status !== status) return this.unexpected(answer);
    try {
      return schema.parse(JSON.parse(answer.text));
    } catch (error) {
      this.options.log.error({ err: error }, 'the session store answered what its contract does not allow');
      return unavailable();
    }
  }

  private unexpected(answer: OwnAnswer): Refusal {
    const { log, service } = this.options;
    log.error(
      { service, status: answer.status, answer: answer.text.slice(0, 300) },
      'unexpected answer to the gateway',
    );
    return unavailable();
  }

  /** Of the live deployment, whatever is being tried beside it; on another instance when the first one could not be reached. */
  private async ask(method: 'GET' | 'POST', path: string, body: unknown): Promise<OwnAnswer | Refusal> {
    const { routing, service: name, nowMs } = this.options;
    const signal = AbortSignal.timeout(DEADLINE_MS);
    let avoid: Instance | null = null;
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const service = routing.service(name);
      const live = service?.live;
      if (service == null || live == null || live.breaker.admit(nowMs()) > 0) return unavailable();
      const claim = claimInstance(service, LIVE_BUCKET, avoid, nowMs());
      if (typeof claim === 'string') {
        live.breaker.withdraw();
        return unavailable();
      }
      const startedAtMs = nowMs();
      try {
        const answer = await this.send(claim.instance, method, path, body, signal);
        claim.instance.latency.observe(nowMs() - startedAtMs, nowMs());
        claim.answered(answer.status, nowMs() - startedAtMs);
        live.breaker.settle(answer.status >= 502 && answer.status <= 504, nowMs());
        this.isAway = false;
        return answer.status >= 500 ? this.unexpected(answer) : answer;
      } catch (error) {
        claim.instance.latency.observe(FAILURE_COUNTS_AS_MS, nowMs());
        claim.failed(nowMs() - startedAtMs);
        live.breaker.settle(true, nowMs());
        if (!this.isAway) this.options.log.warn({ err: error, service: name, path }, 'the session store is away');
        this.isAway = true;
        if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED') return unavailable();
        avoid = claim.instance;
      } finally {
        claim.release();
      }
    }
    return unavailable();
  }

  private send(
    instance: Instance,
    method: 'GET' | 'POST',
    path: string,
    body: unknown,
    signal: AbortSignal,
  ): Promise<OwnAnswer> {
    return askInstance(
      instance,
      {
        method,
        path,
        headers: {
          host: `${instance.host}:${instance.port}`,
          accept: 'application/json',
          authorization: `Bearer ${this.options.token}`,
        },
        body: body === undefined ? null : JSON.stringify(body),
      },
      signal,
    );
  }
}

const unavailable = (): Refusal => refuse(errors.SESSIONS_UNAVAILABLE, { retryAfterSeconds: 2 });
