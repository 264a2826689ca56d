/** Answers preflights; what other answers need is added where answers are written. Services have no say in CORS. */
import { refuse } from '@switchyard/kit/errors';
import { errors } from '../errors.ts';
import type { CorsPolicy } from '../message/cors-policy.ts';
import { WAIT } from '../way.ts';
import type { Stage } from '../way.ts';

export const corsStage =
  (policy: CorsPolicy): Stage =>
  (exchange) => {
    if (exchange.method !== 'OPTIONS' || exchange.origin === '' || exchange.preflightMethod === '') return undefined;
    if (!policy.allows(exchange.origin))
      return refuse(errors.ORIGIN_REFUSED, { detail: exchange.origin.slice(0, 200) });
    exchange.status = 204;
    const headers = policy.preflightHeaders(exchange.origin, exchange.preflightHeaders);
    headers.push('x-request-id', exchange.requestId);
    exchange.client.begin(204, '', headers, 0);
    exchange.client.end();
    return WAIT;
  };
