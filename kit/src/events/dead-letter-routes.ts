/** `/internal/dead-letters`: what could not be applied, for whoever operates the yard. */
import { deadLettersQuery, replay } from '@switchyard/contracts/event';
import { Router } from 'express';
import { jsonBody } from '../http/json-body.ts';
import { parse } from '../http/parse.ts';
import { serviceOnly } from '../http/service-only.ts';
import type { ServiceTokenVerifier } from '../identity/tokens.ts';
import type { Database } from '../postgres/database.ts';
import { listDeadLetters, replayDeadLetters } from './dead-letters.ts';

/** Needs a SERVICE_TOKEN. Document it by `deadLetterOperations`. */
export function deadLetterRoutes(options: { db: Database; serviceTokens: ServiceTokenVerifier }): Router {
  const { db, serviceTokens } = options;
  const router = Router();
  router.get('/internal/dead-letters', serviceOnly(serviceTokens), async (request, response) => {
    const { producer, limit } = parse(deadLettersQuery, request.query, 'query');
    response.json({ items: await listDeadLetters(db, { limit, ...(producer === undefined ? {} : { producer }) }) });
  });
  router.post('/internal/dead-letters/replay', serviceOnly(serviceTokens), jsonBody(), async (request, response) => {
    const { producer, subject } = parse(replay, request.body, 'body');
    const replayed = await replayDeadLetters(db, { producer, ...(subject === undefined ? {} : { subject }) });
    response.status(202).json({ replayed });
  });
  return router;
}
