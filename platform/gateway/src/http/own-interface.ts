/** The gateway's own interface: sessions, public keys, and what it says of itself. */
import { sessionOperations } from '@switchyard/contracts/session';
import { isRefusal, refuse, requestErrors } from '@switchyard/kit/errors';
import { jsonBody } from '@switchyard/kit/http/json-body';
import { refusalOfError } from '@switchyard/kit/http/problems';
import type { Logger } from '@switchyard/kit/log';
import express from 'express';
import type { ErrorRequestHandler, Express } from 'express';
import { openApi } from '../documents.ts';
import { errors } from '../errors.ts';
import type { KeyRing } from '../sessions/key-ring.ts';
import { sessionRoutes } from '../sessions/session-routes.ts';
import type { SessionRoutesParts } from '../sessions/session-routes.ts';
import type { Way } from '../way.ts';
import { exchangeOf } from './own-answer.ts';

export interface OwnInterfaceParts {
  readonly sessions: SessionRoutesParts;
  readonly keys: KeyRing;
  readonly log: Logger;
  /** Whether every declared service has had a live instance. */
  readonly isReady: () => boolean;
  readonly way: () => Way;
}

/** Paths of the own interface: how the way treats them. They win over routes of services. */
export const OWN_ROUTES = [
  { path: '/-', auth: 'none', timeoutMs: 30_000 },
  { path: '/.well-known/jwks.json', auth: 'none', timeoutMs: 30_000 },
  { path: sessionOperations.signIn.path, auth: 'optional', timeoutMs: 30_000 },
  { path: sessionOperations.signOutEverywhere.path, auth: 'optional', timeoutMs: 30_000 },
] as const;

export function ownInterface(parts: OwnInterfaceParts): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.enable('strict routing');
  app.enable('case sensitive routing');
  app.get('/-/live', (_request, response) => {
    response.json({ status: 'ok' });
  });
  app.get('/-/ready', (_request, response) => {
    if (parts.isReady()) response.json({ status: 'ok' });
    else response.status(503).setHeader('retry-after', '1').json({ status: 'starting' });
  });
  app.get('/.well-known/jwks.json', async (_request, response) => {
    const published = await parts.keys.published();
    response.setHeader('cache-control', 'public, max-age=60').json(published);
  });
  app.get('/-/openapi.json', (_request, response) => {
    response.json(openApi);
  });
  app.use(jsonBody({ limitBytes: 65_536 }));
  app.use(sessionRoutes(parts.sessions));
  app.use((request, _response, next) => next(refuse(errors.NO_ROUTE, { detail: `${request.method} ${request.path}` })));
  app.use(asProblem(parts));
  return app;
}

/** Refusals go the way of every refusal, so that all errors of the gateway look alike. */
function asProblem(parts: OwnInterfaceParts): ErrorRequestHandler {
  return (error: unknown, request, response, _next) => {
    const refusal = isRefusal(error) ? error : refusalOfError(error);
    if (refusal.error === requestErrors.INTERNAL)
      parts.log.error({ err: error, path: request.path }, 'the own interface failed');
    const exchange = exchangeOf(request);
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    parts.way().refuse(exchange, refusal);
  };
}
