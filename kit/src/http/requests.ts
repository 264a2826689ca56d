/** First of an Express application's handlers: gives each request its trace, and logs and measures its answer. */
import type { RequestHandler } from 'express';
import type { Logger } from '../log.ts';
import { enterTrace, runInTrace } from '../trace.ts';

export interface AnsweredRequest {
  readonly method: string;
  /** The route's pattern where one matched, else `-`; never the raw path, so that labels stay few. */
  readonly route: string;
  readonly status: number;
  readonly durationMs: number;
}

/** `answered` is called once per request; each is logged at debug, failures at warn. */
export function traceRequests(log: Logger, answered: (request: AnsweredRequest) => void = () => {}): RequestHandler {
  return (request, response, next) => {
    const startedAt = performance.now();
    const requestId = request.headers['x-request-id'];
    const trace = enterTrace(
      request.headers.traceparent as string | undefined,
      typeof requestId === 'string' ? requestId.slice(0, 128) : undefined,
    );
    runInTrace(trace, () => {
      response.on('close', () => {
        const route = (request.route as { path?: string } | undefined)?.path ?? '-';
        const done: AnsweredRequest = {
          method: request.method,
          route,
          status: response.statusCode,
          durationMs: performance.now() - startedAt,
        };
        answered(done);
        runInTrace(trace, () =>
          log[done.status >= 500 ? 'warn' : 'debug'](
            { ...done, path: request.path, cut: !response.writableFinished },
            'request',
          ),
        );
      });
      next();
    });
  };
}
