/**
 * Asks the circuit breaker of the deployment that the request belongs to: one that mostly fails is left alone for a while. A canary's
 * share then goes to the live one; of that one, the client is told at once.
 */
import { refuse } from '@switchyard/kit/errors';
import { errors } from '../errors.ts';
import { LIVE_BUCKET, PREVIEW_BUCKET } from '../routing/split.ts';
import type { Stage } from '../way.ts';
import { bucketOf } from './bucket.ts';
import type { Splitting } from './bucket.ts';

export const admitStage =
  (splitting: Splitting, nowMs: () => number): Stage =>
  (exchange) => {
    const service = exchange.route!.service;
    if (service === null) return undefined;
    if (service.split !== null) exchange.bucket = bucketOf(exchange, splitting);
    const deployment = service.choose(exchange.bucket);
    let waitMs = deployment?.breaker.admit(nowMs()) ?? 0;
    if (waitMs > 0 && deployment !== service.live && exchange.bucket !== PREVIEW_BUCKET) {
      exchange.bucket = LIVE_BUCKET;
      waitMs = service.live?.breaker.admit(nowMs()) ?? 0;
    }
    if (waitMs === 0) return undefined;
    return refuse(errors.BREAKER_OPEN, { detail: service.name, retryAfterSeconds: Math.ceil(waitMs / 1_000) });
  };
