/** Opens a watch: server-sent events of the table. */
import { watchQuery } from '@switchyard/contracts/registry';
import { refuse, RefusedRequest } from '@switchyard/kit/errors';
import { parse } from '@switchyard/kit/http/parse';
import type { RequestHandler } from 'express';
import { z } from 'zod';
import { registryErrors } from '../errors.ts';
import type { Registry } from '../registry.ts';

const query = watchQuery.refine((given) => given.role === undefined || given.watcher !== undefined, {
  path: ['watcher'],
  message: 'is needed with role',
});
const lastEventId = z.string().max(100).optional();

export function watchRoute(registry: Registry): RequestHandler {
  return (request, response) => {
    const { watcher, role } = parse(query, request.query, 'query');
    const resumesAt = parse(z.object({ 'last-event-id': lastEventId }), request.headers, 'header')['last-event-id'];
    if (registry.streams.isFull)
      throw new RefusedRequest(
        refuse(registryErrors.FULL, { detail: 'Too many watches (MAX_WATCHERS)', retryAfterSeconds: 5 }),
      );
    // A watcher that comes while the registry is recovering is known from then on, so that nobody overlooks it.
    if (watcher !== undefined && role !== undefined && !registry.welcome(watcher, role))
      throw new RefusedRequest(
        refuse(registryErrors.FULL, { detail: 'Too many watchers (MAX_WATCHERS)', retryAfterSeconds: 5 }),
      );
    const refusal = registry.refusalToRead('table');
    if (refusal !== null) throw new RefusedRequest(refusal);

    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    if (request.method === 'HEAD') return void response.end();
    response.flushHeaders();
    request.socket.setNoDelay(true);
    const routes = watcher !== undefined && role !== undefined;
    if (routes) registry.watchers.opened(watcher);
    response.on('close', () => {
      registry.streams.close(response);
      if (routes) registry.watchers.closed(watcher);
    });
    registry.streams.open(response, resumesAt);
  };
}
