/**
 * Refuses what is too much, before anything is spent on it: bodies declared longer than the route allows, requests while this
 * process or the service has as many under way as it carries, and requests of one client on a route that has a limit.
 */
import { refuse } from '@switchyard/kit/errors';
import { errors } from '../errors.ts';
import type { Exchange } from '../exchange.ts';
import { clientOf, leftOf, moreInMsOf, waitMsOf } from '../gcra.ts';
import type { Rate, TakesLimit } from '../gcra.ts';
import { WAIT } from '../way.ts';
import type { Outcome, Stage, Way } from '../way.ts';

export interface ClientLimits {
  readonly requests: TakesLimit;
  readonly inFlight: InFlight;
}

/** Requests to services that this process has under way, from this stage to the last one. */
export class InFlight {
  now = 0;
  readonly max: number;

  constructor(max: number) {
    this.max = max;
  }
}

/** Longest body of the gateway's own interface. */
const OWN_BODY_MAX_BYTES = 65_536;

export const limitStage =
  ({ requests, inFlight }: ClientLimits, nowMs: () => number): Stage =>
  (exchange, way) => {
    const { policy, service } = exchange.route!;
    const bodyLimitBytes = service === null ? OWN_BODY_MAX_BYTES : policy.bodyLimitBytes;
    if (bodyLimitBytes !== undefined && exchange.contentLength > bodyLimitBytes)
      return refuse(errors.BODY_TOO_LARGE, { detail: `At most ${bodyLimitBytes} bytes` });
    // The gateway's own answers are cheap, and who asks how it is should hear it then more than ever.
    if (service !== null) {
      if (inFlight.now >= inFlight.max) return refuse(errors.OVERLOADED, { retryAfterSeconds: 1 });
      if (service.split === null && service.live?.isFull === true)
        return refuse(errors.OVERLOADED, { detail: service.name, retryAfterSeconds: 1 });
      inFlight.now += 1;
      exchange.isInFlight = true;
    }
    if (policy.limit === undefined) return undefined;
    const rate = { requests: policy.limit.requests, windowMs: policy.limit.windowSeconds * 1_000 };
    const aheadMs = requests.take(`${policy.path} ${clientOf(exchange.connection.address)}`, rate, nowMs());
    if (typeof aheadMs === 'number') return judge(exchange, aheadMs, rate);
    void aheadMs.then(
      (told) => goOn(exchange, way, judge(exchange, told, rate)),
      // Where limits are counted is away: better a request too many than none.
      () => goOn(exchange, way, undefined),
    );
    return WAIT;
  };

function goOn(exchange: Exchange, way: Way, outcome: Outcome): void {
  if (outcome === undefined || outcome === WAIT) way.proceed(exchange);
  else way.refuse(exchange, outcome);
}

function judge(exchange: Exchange, aheadMs: number, rate: Rate): Outcome {
  exchange.rateLimit = rateLimitHeaders(aheadMs, rate);
  const waitMs = waitMsOf(aheadMs, rate);
  if (waitMs === 0) return undefined;
  return refuse(errors.TOO_MANY_REQUESTS, { retryAfterSeconds: Math.ceil(waitMs / 1_000) });
}

/**
 * What the client is told of its limit, as in draft-ietf-httpapi-ratelimit-headers-10: `q` in all within `w` seconds, `r` left now,
 * another one in `t` seconds, which after a refusal is what Retry-After says. Names and values in turn.
 */
function rateLimitHeaders(aheadMs: number, rate: Rate): readonly string[] {
  const moreInSeconds = Math.ceil(moreInMsOf(aheadMs, rate) / 1_000);
  return [
    'ratelimit-policy',
    `"gateway";q=${rate.requests};w=${rate.windowMs / 1_000}`,
    'ratelimit',
    `"gateway";r=${leftOf(aheadMs, rate)};t=${moreInSeconds}`,
  ];
}
