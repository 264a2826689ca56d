/** Finds the route: longest prefix over the routes of live deployments, in the local table. */
import { refuse } from '@switchyard/kit/errors';
import { errors } from '../errors.ts';
import type { CompiledRoute } from '../routing/route-finder.ts';
import type { Stage } from '../way.ts';

export interface Routing {
  find(path: string): CompiledRoute | null;
  /** null before the first table. */
  readonly epoch: number | null;
}

export const routeStage =
  (routing: Routing): Stage =>
  (exchange) => {
    const route = routing.find(exchange.path);
    if (exchange.otherReading !== null && routing.find(exchange.otherReading) !== route)
      return refuse(errors.REQUEST_MALFORMED, {
        detail: 'the path has encoded slashes or parameters that would change its route',
      });
    if (route === null)
      return routing.epoch === null
        ? refuse(errors.NO_TABLE, { retryAfterSeconds: 1 })
        : refuse(errors.NO_ROUTE, { detail: exchange.path });
    exchange.route = route;
    return undefined;
  };
