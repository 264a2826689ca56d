/** The calls on a service's lock: take, renew, release. */
import { lockRelease, lockRequest, serviceName } from '@switchyard/contracts/registry';
import { accepted } from '@switchyard/kit/errors';
import { parse } from '@switchyard/kit/http/parse';
import type { Express, Request, RequestHandler, Response } from 'express';
import { z } from 'zod';
import type { Registry } from '../registry.ts';

const PATH = '/v1/services/:service/lock';
const params = z.object({ service: serviceName });
const serviceOf = (request: Request): string => parse(params, request.params, 'path').service;

/** `before` runs in front of each: whose calls are let in, and the body. */
export function mountLockRoutes(app: Express, registry: Registry, before: RequestHandler[]): void {
  app.post(PATH, before, async (request: Request, response: Response) => {
    const { holder, ttlMs } = parse(lockRequest, request.body, 'body');
    response.json(accepted(await registry.locks.take(serviceOf(request), holder, ttlMs)));
  });
  app.put(PATH, before, async (request: Request, response: Response) => {
    const { holder, ttlMs } = parse(lockRequest, request.body, 'body');
    response.json(accepted(await registry.locks.renew(serviceOf(request), holder, ttlMs)));
  });
  app.delete(PATH, before, async (request: Request, response: Response) => {
    const { holder } = parse(lockRelease, request.body, 'body');
    accepted(await registry.locks.release(serviceOf(request), holder));
    response.status(204).end();
  });
}
