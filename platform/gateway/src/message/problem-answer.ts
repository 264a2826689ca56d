/** Writes the gateway's own errors as application/problem+json, with the request's id and CORS headers. */
import { PROBLEM_MEDIA_TYPE } from '@switchyard/contracts/problem';
import { problemOf } from '@switchyard/kit/errors';
import type { ErrorCode, Refusal } from '@switchyard/kit/errors';
import { errors } from '../errors.ts';
import type { Exchange } from '../exchange.ts';
import type { CorsPolicy } from './cors-policy.ts';

/** Bodies up to this length are read to their end and thrown away, so that the connection can be kept. */
const DISCARD_MAX_BYTES = 65_536;

/** Nothing when the client is gone; when a head is already out, the connection is cut so that the client notices. */
export function answerRefusal(exchange: Exchange, refusal: Refusal, cors: CorsPolicy): void {
  const { client } = exchange;
  if (!exchange.isWanted) {
    if (exchange.status === 0) exchange.status = 499;
    return;
  }
  if (client.hasHead) return client.cut();
  const problem = problemOf(refusal, exchange.requestId === '' ? undefined : exchange.requestId);
  const body = Buffer.from(JSON.stringify(problem));
  exchange.status = problem.status;
  exchange.bytesOut = body.length;
  const headers = [
    'content-type',
    PROBLEM_MEDIA_TYPE,
    'content-length',
    String(body.length),
    'cache-control',
    'no-store',
    'vary',
    'Origin',
  ];
  if (exchange.requestId !== '') headers.push('x-request-id', exchange.requestId);
  if (refusal.retryAfterSeconds !== undefined) headers.push('retry-after', String(refusal.retryAfterSeconds));
  for (const part of exchange.rateLimit) headers.push(part);
  if (problem.status === 401) headers.push('www-authenticate', 'Bearer');
  if (problem.status === 405) headers.push('allow', 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS');
  cors.appendTo(headers, exchange.origin);
  for (const cookie of exchange.setCookies) headers.push('set-cookie', cookie);
  if (endsConnection(exchange, refusal)) client.closeAfter();
  const hasBody = exchange.method !== 'HEAD';
  client.begin(problem.status, '', headers, hasBody ? body.length : 0);
  if (hasBody) client.write(body);
  client.discardBody();
  client.end();
}

const ENDING: ReadonlySet<ErrorCode> = new Set([
  errors.REQUEST_MALFORMED,
  errors.REQUEST_TIMEOUT,
  errors.HEAD_TOO_LARGE,
  errors.BODY_TOO_LARGE,
]);

/** Malformed requests end their connection: what follows them may be anything. So do bodies that are too long to throw away. */
function endsConnection(exchange: Exchange, refusal: Refusal): boolean {
  if (ENDING.has(refusal.error) || exchange.upgrade !== null || exchange.connection.isClosing) return true;
  if (exchange.client.hasWholeBody) return false;
  return exchange.isChunked || exchange.contentLength > DISCARD_MAX_BYTES || exchange.expectsContinue;
}
