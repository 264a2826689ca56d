/** `/health/live`, `/health/ready`, and the instance id on every answer, by which a health check knows who answered. */
import { INSTANCE_HEADER } from '@switchyard/contracts/identity';
import type { RequestHandler } from 'express';
import type { Lifecycle } from '../lifecycle.ts';

export interface WhoAnswers {
  readonly service: string;
  readonly deployment: string;
  readonly instance: string;
}

/** A named thing that readiness depends on; resolves when it is well, rejects with the reason when not. */
export type ReadinessCheck = { readonly name: string; readonly check: () => Promise<void> };

/** Express middleware, before any body is read. Readiness: 200 in phase ready while every check passes, else 503 with the reason. Draining still answers requests but is not ready. */
export function healthRoutes(
  who: WhoAnswers,
  lifecycle: Lifecycle,
  checks: readonly ReadinessCheck[] = [],
): RequestHandler {
  return (request, response, next) => {
    response.setHeader(INSTANCE_HEADER, who.instance);
    if (request.method !== 'GET' && request.method !== 'HEAD') return next();
    if (request.path === '/health/live') {
      response.json({ status: 'ok', ...who });
      return;
    }
    if (request.path !== '/health/ready') return next();
    if (lifecycle.phase !== 'ready') {
      response.status(503).json({ status: lifecycle.phase === 'starting' ? 'starting' : 'draining', ...who });
      return;
    }
    void Promise.all(
      checks.map((check) =>
        check.check().then(
          () => null,
          (error: unknown) => `${check.name}: ${error instanceof Error ? error.message : String(error)}`,
        ),
      ),
    ).then((reasons) => {
      const failing = reasons.filter((reason) => reason !== null);
      response.status(failing.length === 0 ? 200 : 503).json({
        status: failing.length === 0 ? 'ok' : 'unavailable',
        ...who,
        ...(failing.length === 0 ? {} : { failing }),
      });
    });
  };
}
