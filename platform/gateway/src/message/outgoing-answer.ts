/** The head of a service's answer as the client gets it: hop-by-hop and CORS headers removed, ours added, framed anew. */
import type { Exchange } from '../exchange.ts';
import { PREVIEW_BUCKET } from '../routing/split.ts';
import { setsOurCookie } from './cookies.ts';
import type { CorsPolicy } from './cors-policy.ts';
import { httpDate } from './http-date.ts';

const PASS = 0;
const DROP = 1;
const CONNECTION = 2;
const CONTENT_LENGTH = 3;
const VARY = 4;
const SET_COOKIE = 5;
const CONTENT_TYPE = 6;
const CACHE_CONTROL = 7;
const DATE = 8;

const NAMED: Readonly<Record<string, number>> = {
  connection: CONNECTION,
  'keep-alive': DROP,
  'proxy-connection': DROP,
  'transfer-encoding': DROP,
  te: DROP,
  trailer: DROP,
  upgrade: DROP,
  'x-request-id': DROP,
  'x-switchyard-identity': DROP,
  'content-length': CONTENT_LENGTH,
  vary: VARY,
  'set-cookie': SET_COOKIE,
  'content-type': CONTENT_TYPE,
  'cache-control': CACHE_CONTROL,
  date: DATE,
};
const KNOWN_MAX = 2_000;
const known = new Map<string, number>();

function codeOf(name: string): number {
  const code = known.get(name);
  if (code !== undefined) return code;
  const lower = name.toLowerCase();
  const decided = NAMED[lower] ?? (lower.startsWith('access-control-') ? DROP : PASS);
  if (known.size < KNOWN_MAX) known.set(name, decided);
  return decided;
}

export interface AnswerHead {
  /** Names and values in turn. */
  readonly headers: string[];
  readonly isEventStream: boolean;
}

/** `raw`: names and values in turn, as they came. */
export function outgoingAnswer(
  exchange: Exchange,
  status: number,
  raw: readonly string[],
  cors: CorsPolicy,
): AnswerHead {
  const headers: string[] = [];
  let hasDate = false;
  let isEventStream = false;
  let vary = '';
  let cacheControl = '';
  let connection = '';
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index]!;
    const value = raw[index + 1]!;
    switch (codeOf(name)) {
      case PASS:
        break;
      case CONNECTION:
        connection = connection === '' ? value : `${connection},${value}`;
        continue;
      case CONTENT_LENGTH:
        // Answers without a body by their status carry none (RFC 9110 section 8.6).
        if (status === 204) continue;
        break;
      case DATE:
        hasDate = true;
        break;
      case VARY:
        vary = vary === '' ? value : `${vary}, ${value}`;
        continue;
      case SET_COOKIE:
        if (setsOurCookie(value)) continue;
        break;
      case CONTENT_TYPE:
        isEventStream = /^text\/event-stream[ \t]*(?:;|$)/i.test(value);
        break;
      case CACHE_CONTROL:
        cacheControl = cacheControl === '' ? value : `${cacheControl}, ${value}`;
        continue;
      default:
        continue;
    }
    headers.push(name, value);
  }
  if (connection !== '' && !/^(?:keep-alive|close)$/i.test(connection)) removeNamed(headers, connection);
  // RFC 9110 section 6.6.1: whoever hands an answer on without one adds it.
  if (!hasDate) headers.push('date', httpDate());
  addOurs(headers, exchange, vary, cacheControlOf(exchange, cacheControl), cors);
  return { headers, isEventStream };
}

function addOurs(headers: string[], exchange: Exchange, vary: string, cacheControl: string, cors: CorsPolicy): void {
  headers.push(
    'vary',
    vary === '' ? 'Origin' : /(?:^|,)[ \t]*(?:origin|\*)[ \t]*(?:,|$)/i.test(vary) ? vary : `${vary}, Origin`,
  );
  headers.push('x-request-id', exchange.requestId);
  cors.appendTo(headers, exchange.origin);
  if (cacheControl !== '') headers.push('cache-control', cacheControl);
  for (const part of exchange.rateLimit) headers.push(part);
  for (const cookie of exchange.setCookies) headers.push('set-cookie', cookie);
  if (exchange.bucketCookie !== '') headers.push('set-cookie', exchange.bucketCookie);
}

/**
 * An answer that carries somebody's new cookies is nobody else's. What a preview answers is kept nowhere: its address does not tell it
 * from what is live, so it would be found again, by everybody behind a shared cache, after the preview has ended. The cookie of a
 * bucket is worth the less care that the browser itself may keep the answer; only shared caches may not hand it on.
 */
function cacheControlOf(exchange: Exchange, said: string): string {
  if (exchange.bucket === PREVIEW_BUCKET) return 'private, no-store';
  if (exchange.setCookies.length > 0) return 'no-store';
  if (exchange.bucketCookie === '') return said;
  const kept = said
    .split(',')
    .map((directive) => directive.trim())
    .filter((directive) => directive !== '' && !/^(?:public|private|s-maxage)\b/i.test(directive));
  return ['private', ...kept].join(', ');
}

/** What the service's Connection header names is for this hop alone. */
function removeNamed(headers: string[], connection: string): void {
  const named = new Set(
    connection
      .toLowerCase()
      .split(',')
      .map((name) => name.trim()),
  );
  named.delete('content-length');
  for (let index = headers.length - 2; index >= 0; index -= 2)
    if (named.has(headers[index]!.toLowerCase())) headers.splice(index, 2);
}

/** Trailer fields that may be passed on: none that frames, routes, authenticates or is ours (RFC 9110 section 6.5.1). */
export function outgoingTrailers(raw: readonly string[]): [string, string][] {
  const trailers: [string, string][] = [];
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index]!;
    if (codeOf(name) === PASS && !/^(?:host|authorization|content-|cookie|location|age|date|expires)/i.test(name))
      trailers.push([name, raw[index + 1]!]);
  }
  return trailers;
}
