/** Refuses what is too much: requests of one client on a route that has a limit, and bodies declared longer than the route allows. */
import { refuse } from '@switchyard/kit/errors';
import { errors } from '../errors.ts';
import type { Stage } from '../way.ts';
import { clientOf } from '../gcra.ts';
import type { Gcra } from '../gcra.ts';

export interface ClientLimits {
  readonly requests: Gcra;
}

/** Longest body of the gateway's own interface. */
const OWN_BODY_MAX_BYTES = 65_536;

export const limitStage =
  (limits: ClientLimits, nowMs: () => number): Stage =>
  (exchange) => {
    const { policy, service } = exchange.route!;
    const bodyLimitBytes = service === null ? OWN_BODY_MAX_BYTES : policy.bodyLimitBytes;
    if (bodyLimitBytes !== undefined && exchange.contentLength > bodyLimitBytes)
      return refuse(errors.BODY_TOO_LARGE, { detail: `At most ${bodyLimitBytes} bytes` });
    if (policy.limit === undefined) return undefined;
    const rate = { requests: policy.limit.requests, windowMs: policy.limit.windowSeconds * 1_000 };
    const waitMs = limits.requests.take(`${policy.path} ${clientOf(exchange.connection.address)}`, rate, nowMs());
    if (waitMs === 0) return undefined;
    return refuse(errors.TOO_MANY_REQUESTS, { retryAfterSeconds: Math.ceil(waitMs / 1_000) });
  };
