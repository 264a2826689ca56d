/** The registry's HTTP interface on Express: each route parses, calls the registry, answers. */
import { PROBLEM_MEDIA_TYPE } from '@switchyard/contracts/problem';
import { acknowledgement, declarations, instanceId, liveChange, registration } from '@switchyard/contracts/registry';
import { accepted, problemOf, refuse, RefusedRequest, requestErrors } from '@switchyard/kit/errors';
import type { ErrorCode } from '@switchyard/kit/errors';
import { answerJson } from '@switchyard/kit/http/answer-json';
import { jsonBody } from '@switchyard/kit/http/json-body';
import { allowedMethods } from '@switchyard/kit/http/mounted-routes';
import { parse } from '@switchyard/kit/http/parse';
import { noRoute, problemHandler, refusalOfError } from '@switchyard/kit/http/problems';
import { traceRequests } from '@switchyard/kit/http/requests';
import type { AnsweredRequest } from '@switchyard/kit/http/requests';
import type { Logger } from '@switchyard/kit/log';
import express from 'express';
import type { ErrorRequestHandler, Express, Request, RequestHandler } from 'express';
import { z } from 'zod';
import { refusalToOperate } from '../caller.ts';
import { registryErrors } from '../errors.ts';
import { LockHeld } from '../locks/locks.ts';
import type { Registry } from '../registry.ts';
import { callerOf, onlyPrograms } from './access.ts';
import type { Credentials } from './credentials.ts';
import { mountLockRoutes } from './lock-routes.ts';
import { watchRoute } from './watch-route.ts';

const params = z.object({ id: instanceId });
/** What one instance may say of itself; what all of them may is bounded by the table. */
const INSTANCE_BODY_LIMIT_BYTES = 16_384;
/** An acknowledgement has figures of each deployment that was routed to: about 100 bytes each, 200 where ids are as long as they may be. */
const ACKNOWLEDGEMENT_BODY_LIMIT_BYTES = 65_536;
const YARD_BODY_LIMIT_BYTES = 1_048_576;

export interface AppOptions {
  readonly registry: Registry;
  readonly credentials: Credentials;
  readonly allowedHosts: readonly string[];
  readonly log: Logger;
  readonly onAnswered: (request: AnsweredRequest) => void;
  readonly health: RequestHandler;
  readonly metrics: RequestHandler;
  readonly openApi: object;
}

export function createApp(options: AppOptions): Express {
  const { registry, credentials, log } = options;
  const app = express();
  app.disable('x-powered-by').disable('etag').enable('case sensitive routing').enable('strict routing');
  app.set('query parser', 'simple');
  app.use(traceRequests(log, options.onAnswered), onlyPrograms(options.allowedHosts), options.health);

  const instanceBody = jsonBody({ limitBytes: INSTANCE_BODY_LIMIT_BYTES });
  const acknowledgementBody = jsonBody({ limitBytes: ACKNOWLEDGEMENT_BODY_LIMIT_BYTES });
  const yardBody = jsonBody({ limitBytes: YARD_BODY_LIMIT_BYTES });
  const idOf = (request: Request): string => parse(params, request.params, 'path').id;

  app.get('/v1/table', (_request, response) => {
    const refusal = registry.refusalToRead('table');
    if (refusal !== null) throw new RefusedRequest(refusal);
    answerJson(response, 200, registry.table.json);
  });
  app.get('/v1/watch', watchRoute(registry));
  app.put('/v1/instances/:id', instanceBody, async (request, response) => {
    const id = idOf(request);
    const wanted = parse(registration, request.body, 'body');
    const caller = await callerOf(request, credentials);
    const { isNew, leaseMs, revision } = accepted(await registry.register(id, wanted, caller));
    answerJson(response, isNew ? 201 : 200, JSON.stringify({ id, leaseMs, revision }));
  });
  app.put('/v1/instances/:id/lease', instanceBody, async (request, response) => {
    const id = idOf(request);
    const { leaseMs, revision } = accepted(registry.renew(id, await callerOf(request, credentials)));
    answerJson(response, 200, JSON.stringify({ id, leaseMs, revision }));
  });
  app.delete('/v1/instances/:id', async (request, response) => {
    accepted(await registry.deregister(idOf(request), await callerOf(request, credentials)));
    response.status(204).end();
  });
  app.put('/v1/watchers/:id/ack', acknowledgementBody, async (request, response) => {
    const id = idOf(request);
    const said = parse(acknowledgement, request.body, 'body');
    accepted(registry.acknowledge(id, said, await callerOf(request, credentials)));
    response.status(204).end();
  });
  app.get('/v1/watchers', (_request, response) => {
    answerJson(response, 200, accepted(registry.listWatchers()));
  });
  const operatorOnly: RequestHandler = async (request, _response, next) => {
    accepted(refusalToOperate(await callerOf(request, credentials)));
    next();
  };
  app.get('/v1/live', (_request, response) => answerJson(response, 200, JSON.stringify(registry.decisions())));
  app.post('/v1/live', operatorOnly, yardBody, async (request, response) => {
    const change = parse(liveChange, request.body, 'body');
    answerJson(response, 200, JSON.stringify(accepted(await registry.setLive(change))));
  });
  mountLockRoutes(app, registry, [operatorOnly, instanceBody]);
  app.put('/v1/declarations', operatorOnly, yardBody, async (request, response) => {
    const wanted = parse(declarations, request.body, 'body');
    answerJson(response, 200, JSON.stringify(accepted(await registry.declare(wanted))));
  });
  app.get('/metrics', options.metrics);
  app.get('/openapi.json', (_request, response) => answerJson(response, 200, JSON.stringify(options.openApi)));

  app.use(methodNotAllowed(app), noRoute, sayingMore(registry), problemHandler(log));
  return app;
}

const methodNotAllowed =
  (app: Express): RequestHandler =>
  (request, response, next) => {
    const methods = allowedMethods(app, request.path);
    if (methods.length === 0) return next();
    response.setHeader('allow', methods.join(', '));
    throw new RefusedRequest(
      refuse(requestErrors.METHOD_NOT_ALLOWED, { detail: `Here: ${methods.join(', ')} (read: ${request.method})` }),
    );
  };

const SAY_THE_EPOCH: ReadonlySet<ErrorCode> = new Set([
  registryErrors.EPOCH_MOVED,
  registryErrors.LOCK_HELD,
  registryErrors.LOCK_UNKNOWN,
]);

/** Some refusals say more than others: the current epoch, who holds the lock and for how long, and that a token is asked for. */
const sayingMore =
  (registry: Registry): ErrorRequestHandler =>
  (error: unknown, _request, response, next) => {
    const refusal = refusalOfError(error);
    if (refusal.error.kind === 'unauthenticated') response.setHeader('www-authenticate', 'Bearer');
    if (!SAY_THE_EPOCH.has(refusal.error)) return next(error);
    const lock = refusal instanceof LockHeld ? { holder: refusal.holder, expiresInMs: refusal.expiresInMs } : {};
    response
      .status(409)
      .setHeader('cache-control', 'no-store')
      .type(PROBLEM_MEDIA_TYPE)
      .send(JSON.stringify({ ...problemOf(refusal), epoch: registry.table.epoch, ...lock }));
  };
