/** Asks the service's circuit breaker: a service that mostly fails is left alone for a while, and the client told so at once. */
import { refuse } from '@switchyard/kit/errors';
import { errors } from '../errors.ts';
import type { Stage } from '../way.ts';

export const admitStage =
  (nowMs: () => number): Stage =>
  (exchange) => {
    const service = exchange.route!.service;
    if (service === null) return undefined;
    const waitMs = service.breaker.admit(nowMs());
    if (waitMs === 0) return undefined;
    return refuse(errors.BREAKER_OPEN, { detail: service.name, retryAfterSeconds: Math.ceil(waitMs / 1_000) });
  };
