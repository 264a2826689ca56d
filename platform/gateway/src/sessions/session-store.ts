/** Asks the service that knows passwords and sessions, over the same table and connections as every request. */
import { endedSessions, grantedSession } from '@switchyard/contracts/session';
import type { GrantedSession, SignIn } from '@switchyard/contracts/session';
import { isRefusal, refuse } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import type { Logger } from '@switchyard/kit/log';
import type { z } from 'zod';
import { errors } from '../errors.ts';
import { claimInstance } from '../routing/claim.ts';
import type { Claim, Unclaimed } from '../routing/claim.ts';
import { FAILURE_COUNTS_AS_MS } from '../routing/latency.ts';
import type { Instance } from '../routing/instance.ts';
import type { RoutingTable } from '../routing/routing-table.ts';
import type { Service } from '../routing/service.ts';
import { LIVE_BUCKET } from '../routing/split.ts';
import { askInstance } from '../upstream/own-request.ts';
import type { OwnAnswer } from '../upstream/own-request.ts';

interface Ask {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: unknown;
  readonly deadlineMs: number;
  /** Done twice it does no more than done once. */
  readonly isRepeatable: boolean;
  /** Asked however the deployment fares: it is few, and what it answers must not wait for a breaker to close. */
  readonly passesBreaker: boolean;
  /** Nobody waits for the answer any more. */
  readonly abandoned?: AbortSignal;
}

/** Checking a password costs the service real work, and more when many sign in at once. */
const SIGN_IN = { method: 'POST', path: '/internal/sessions', deadlineMs: 15_000, isRepeatable: false } as const;
/** Asked again while the grace of a rotation lasts, the store gives the same successor: so the answer must come, or be found lost, before. */
const REFRESH = { method: 'POST', path: '/internal/sessions/refresh', deadlineMs: 8_000, isRepeatable: true } as const;
const END = { method: 'POST', path: '/internal/sessions/end', deadlineMs: 8_000, isRepeatable: true } as const;
/** Short: an answer that got lost must not delay the next question for long. */
const ENDED = { method: 'GET', path: '/internal/sessions/ended', deadlineMs: 3_000, isRepeatable: true } as const;

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
    const answer = await this.ask({ ...SIGN_IN, body: signIn, passesBreaker: false });
    if (isRefusal(answer)) return answer;
    if (answer.status === 401 || answer.status === 400) return refuse(errors.SIGN_IN_REFUSED);
    return this.parsed(answer, 201, grantedSession);
  }

  /** NOT_SIGNED_IN when the refresh token is not valid (any more). A store that finds the connection closed rotates nothing. */
  async refresh(refreshToken: string, abandoned: AbortSignal): Promise<GrantedSession | Refusal> {
    const answer = await this.ask({ ...REFRESH, body: { refreshToken }, passesBreaker: false, abandoned });
    if (isRefusal(answer)) return answer;
    if (answer.status === 401 || answer.status === 400) return refuse(errors.NOT_SIGNED_IN);
    return this.parsed(answer, 200, grantedSession);
  }

  async end(which: { sessionId: string } | { allOfUser: string }): Promise<Refusal | undefined> {
    const answer = await this.ask({ ...END, body: which, passesBreaker: false });
    if (isRefusal(answer)) return answer;
    return answer.status === 204 ? undefined : this.unexpected(answer);
  }

  /** Sessions that ended after `cursor`; without it, in the last 15 minutes. */
  async ended(cursor: string | null): Promise<z.infer<typeof endedSessions> | Refusal> {
    const query = cursor === null ? '' : `?after=${encodeURIComponent(cursor)}`;
    const answer = await this.ask({ ...ENDED, path: ENDED.path + query, passesBreaker: true });
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

  /** Of the live deployment, whatever is being tried beside it; once more, on another instance if there is one, when that does no harm. */
  private async ask(asked: Ask): Promise<OwnAnswer | Refusal> {
    const { routing, service: name, nowMs } = this.options;
    const { abandoned } = asked;
    const deadline = AbortSignal.timeout(asked.deadlineMs);
    const signal = abandoned === undefined ? deadline : AbortSignal.any([deadline, abandoned]);
    let avoid: Instance | null = null;
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const service = routing.service(name);
      const live = service?.live;
      if (service == null || live == null) return unavailable();
      const breaker = asked.passesBreaker ? null : live.breaker;
      if (breaker !== null && breaker.admit(nowMs()) > 0) return unavailable();
      const claim = claimed(service, avoid, asked.isRepeatable, nowMs());
      if (typeof claim === 'string') {
        breaker?.withdraw();
        return unavailable();
      }
      const startedAtMs = nowMs();
      try {
        const answer = await this.send(claim.instance, asked, signal);
        claim.instance.latency.observe(nowMs() - startedAtMs, nowMs());
        claim.answered(answer.status, nowMs() - startedAtMs);
        breaker?.settle(answer.status >= 502 && answer.status <= 504, nowMs());
        this.isAway = false;
        return answer.status >= 500 ? this.unexpected(answer) : answer;
      } catch (error) {
        if (abandoned?.aborted === true) {
          // It says nothing of the deployment.
          breaker?.withdraw();
          return unavailable();
        }
        claim.instance.latency.observe(FAILURE_COUNTS_AS_MS, nowMs());
        claim.failed(nowMs() - startedAtMs);
        breaker?.settle(true, nowMs());
        if (!this.isAway)
          this.options.log.warn({ err: error, service: name, path: asked.path }, 'the session store is away');
        this.isAway = true;
        if (signal.aborted || (!asked.isRepeatable && !wasNotSent(error))) return unavailable();
        avoid = claim.instance;
      } finally {
        claim.release();
      }
    }
    return unavailable();
  }

  private send(instance: Instance, { method, path, body }: Ask, signal: AbortSignal): Promise<OwnAnswer> {
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

/** What may be repeated is tried on the same instance too: a connection that was kept open may just have been closed there. */
function claimed(service: Service, avoid: Instance | null, isRepeatable: boolean, nowMs: number): Claim | Unclaimed {
  const claim = claimInstance(service, LIVE_BUCKET, avoid, nowMs);
  return claim === 'no-instance' && avoid !== null && isRepeatable
    ? claimInstance(service, LIVE_BUCKET, null, nowMs)
    : claim;
}

const wasNotSent = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ECONNREFUSED';

const unavailable = (): Refusal => refuse(errors.SESSIONS_UNAVAILABLE, { retryAfterSeconds: 2 });
