/** Turns whatever a handler threw into an application/problem+json answer; the cause of an internal error stays in the log. */
import { PROBLEM_MEDIA_TYPE } from '@switchyard/contracts/problem';
import type { ErrorRequestHandler, RequestHandler, Response } from 'express';
import { problemOf, refuse, Refusal, RefusedRequest, requestErrors, Unavailable } from '../errors.ts';
import type { Logger } from '../log.ts';

/** What the errors of Express and Nest, which have but a status, mean. */
const OF_STATUS = new Map([
  [401, requestErrors.NOT_SIGNED_IN],
  [403, requestErrors.FORBIDDEN],
  [404, requestErrors.NO_ROUTE],
  [405, requestErrors.METHOD_NOT_ALLOWED],
  [413, requestErrors.BODY_TOO_LARGE],
  [415, requestErrors.MEDIA_TYPE],
]);

/** The refusal that an error stands for: itself when it is one, a 4xx of Express's or Nest's, else an internal error. */
export function refusalOfError(error: unknown): Refusal {
  if (error instanceof RefusedRequest) return error.refusal;
  if (error instanceof Unavailable)
    return refuse(requestErrors.UNAVAILABLE, { retryAfterSeconds: error.retryAfterSeconds });
  const status = (error as { status?: unknown } | null)?.status;
  if (typeof status === 'number' && status >= 400 && status < 500) {
    const known = OF_STATUS.get(status);
    return known === undefined ? refuse(requestErrors.INVALID, { detail: (error as Error).message }) : refuse(known);
  }
  return refuse(requestErrors.INTERNAL);
}

/** Writes the answer; nothing when the head is already out, in which case the connection is cut so that the client notices. */
export function answerProblem(response: Response, refusal: Refusal): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const problem = problemOf(refusal);
  if (refusal.retryAfterSeconds !== undefined) response.setHeader('retry-after', String(refusal.retryAfterSeconds));
  response
    .status(problem.status)
    .setHeader('cache-control', 'no-store')
    .type(PROBLEM_MEDIA_TYPE)
    .send(JSON.stringify(problem));
}

/** Last of an Express application's handlers. */
export function problemHandler(log: Logger): ErrorRequestHandler {
  return (error: unknown, request, response, _next) => {
    const refusal = refusalOfError(error);
    if (refusal.error.kind === 'internal')
      log.error({ err: error, method: request.method, path: request.path }, 'request failed');
    answerProblem(response, refusal);
  };
}

/** For what no route took. */
export const noRoute: RequestHandler = (request) => {
  throw new RefusedRequest(refuse(requestErrors.NO_ROUTE, { detail: `${request.method} ${request.path}` }));
};
