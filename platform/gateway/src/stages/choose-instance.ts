/** Claims the request on a deployment and one of its instances, in one step that nothing can come between. */
import { refuse } from '@switchyard/kit/errors';
import { errors } from '../errors.ts';
import { isRepeatable } from '../upstream/failures.ts';
import { claimInstance } from '../routing/claim.ts';
import type { Stage } from '../way.ts';

export const chooseInstanceStage =
  (nowMs: () => number): Stage =>
  (exchange) => {
    const service = exchange.route!.service;
    if (service === null) return undefined;
    const claim = claimInstance(service, exchange.bucket, null, nowMs(), isRepeatable(exchange));
    if (typeof claim !== 'string') {
      service.retryBudget.deposit();
      exchange.claim = claim;
      return undefined;
    }
    service.choose(exchange.bucket)?.breaker.withdraw();
    return claim === 'overloaded'
      ? refuse(errors.OVERLOADED, { detail: service.name, retryAfterSeconds: 1 })
      : refuse(errors.NO_INSTANCE, { detail: service.name, retryAfterSeconds: 1 });
  };
