/** `/health/live`, `/health/ready`, and the instance id on every answer, by which a health check knows who answered. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { INSTANCE_HEADER } from '@switchyard/contracts/identity';
import type { Lifecycle } from '../lifecycle.ts';
import { answerJson } from './answer-json.ts';

export interface WhoAnswers {
  readonly service: string;
  readonly deployment: string;
  readonly instance: string;
}

/** A named thing that readiness depends on; resolves when it is well, rejects with the reason when not. */
export type ReadinessCheck = { readonly name: string; readonly check: () => Promise<void> };

/** Longest wait for one check; what has not answered by then is not well. */
const CHECK_TIMEOUT_MS = 3_000;

/**
 * Express middleware, or in front of any other request listener, before a body is read. Readiness: 200 in phase ready while
 * every check passes, else 503 with the reason. Draining still answers requests but is not ready.
 */
export function healthRoutes(
  who: WhoAnswers,
  lifecycle: Pick<Lifecycle, 'phase'>,
  checks: readonly ReadinessCheck[] | (() => readonly ReadinessCheck[]) = [],
): (request: IncomingMessage, response: ServerResponse, next: () => void) => void {
  return (request, response, next) => {
    response.setHeader(INSTANCE_HEADER, who.instance);
    const path = (request.url ?? '').split('?', 1)[0];
    if ((request.method !== 'GET' && request.method !== 'HEAD') || path?.startsWith('/health/') !== true) return next();
    if (path === '/health/live') return answerJson(response, 200, { status: 'ok', ...who });
    if (path !== '/health/ready') return next();
    if (lifecycle.phase !== 'ready')
      return answerJson(response, 503, { status: lifecycle.phase === 'starting' ? 'starting' : 'draining', ...who });
    void Promise.all((typeof checks === 'function' ? checks() : checks).map(whyNot)).then((reasons) => {
      const failing = reasons.filter((reason) => reason !== null);
      if (failing.length === 0) answerJson(response, 200, { status: 'ok', ...who });
      else answerJson(response, 503, { status: 'unavailable', ...who, failing });
    });
  };
}

async function whyNot({ name, check }: ReadinessCheck): Promise<string | null> {
  const overdue = Promise.withResolvers<never>();
  const timer = setTimeout(() => overdue.reject(new Error(`no answer in ${CHECK_TIMEOUT_MS} ms`)), CHECK_TIMEOUT_MS);
  try {
    await Promise.race([Promise.resolve().then(check), overdue.promise]);
    return null;
  } catch (error) {
    return `${name}: ${error instanceof Error ? error.message : String(error)}`;
  } finally {
    clearTimeout(timer);
  }
}
