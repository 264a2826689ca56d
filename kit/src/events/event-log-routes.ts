/** `GET /internal/events`: the log of events, for other services. */
import { eventsQuery } from '@switchyard/contracts/event';
import { Router } from 'express';
import { accepted } from '../errors.ts';
import { parse } from '../http/parse.ts';
import { serviceOnly } from '../http/service-only.ts';
import type { ServiceTokenVerifier } from '../identity/tokens.ts';
import type { EventLog } from './event-log.ts';

export interface EventLogRoutesOptions {
  readonly log: EventLog;
  readonly serviceTokens: ServiceTokenVerifier;
  /** Ends every wait when aborted: give lifecycle.signal, so that a stop is not kept waiting by readers. */
  readonly signal?: AbortSignal;
}

/** Needs a SERVICE_TOKEN. Long poll: `waitMs` up to 30 s; ends with its client. */
export function eventLogRoutes({ log, serviceTokens, signal }: EventLogRoutesOptions): Router {
  const router = Router();
  router.get('/internal/events', serviceOnly(serviceTokens), async (request, response) => {
    const query = parse(eventsQuery, request.query, 'query');
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const until = signal === undefined ? gone.signal : AbortSignal.any([gone.signal, signal]);
    const page = accepted(await log.read({ ...query, signal: until }));
    if (!response.closed) response.json(page);
  });
  return router;
}
