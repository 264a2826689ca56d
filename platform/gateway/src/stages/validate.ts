/** First stage: reads the head of a request strictly, and refuses whatever could be understood in two ways. */
import { refuse } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import { errors } from '../errors.ts';
import type { Exchange } from '../exchange.ts';
import { isAuthority, isSameAuthority, splitAbsolute } from '../message/authority.ts';
import { HEADER, headerCode } from '../message/header-names.ts';
import { readTarget } from '../message/request-target.ts';
import { beginTrace } from '../message/trace-context.ts';
import { isRequestId } from '../message/trace-ids.ts';
import type { Sampling } from '../observe/sampling.ts';
import type { Outcome, Stage } from '../way.ts';

/** More header lines than any honest client sends. */
const HEADERS_MAX = 100;
/** Headers that may stand only once: two of them are two requests in one. */
const SINGLE =
  (1 << HEADER.HOST) |
  (1 << HEADER.CONTENT_LENGTH) |
  (1 << HEADER.TRANSFER_ENCODING) |
  (1 << HEADER.EXPECT) |
  (1 << HEADER.AUTHORIZATION) |
  (1 << HEADER.ORIGIN) |
  (1 << HEADER.FETCH_SITE) |
  (1 << HEADER.CONTENT_TYPE) |
  (1 << HEADER.UPGRADE);
/** RFC 9110 section 9.3: TRACE echoes credentials, CONNECT makes tunnels; the gateway does neither. */
const REFUSED_METHODS = new Set(['TRACE', 'TRACK', 'CONNECT']);
const VERSIONS = new Set(['1.0', '1.1', '2']);
const NOTHING_NAMED = new Set(['close', 'keep-alive', 'upgrade', 'te', 'http2-settings']);

/** @param sampling of traces that begin here */
export function validateStage(sampling: Sampling): Stage {
  const head = new Head();
  return (exchange) => validate(exchange, head, sampling);
}

function validate(exchange: Exchange, head: Head, sampling: Sampling): Outcome {
  exchange.method = exchange.client.head.method;
  const why =
    exchange.client.head.refusal ??
    readHeaders(exchange, head) ??
    checkFraming(exchange, head) ??
    readAddress(exchange, head);
  beginTrace(exchange, head.traceparent, sampling);
  exchange.requestId = head.requestId !== '' && isRequestId(head.requestId) ? head.requestId : exchange.traceId;
  if (why !== undefined) return typeof why === 'string' ? malformed(why) : why;
  if (REFUSED_METHODS.has(exchange.method)) return refuse(errors.METHOD_NOT_ALLOWED, { detail: exchange.method });
  return undefined;
}

const malformed = (detail: string): Refusal => refuse(errors.REQUEST_MALFORMED, { detail });

/** What is read of a head only to be judged. One is used for all requests: the stage runs to its end without a pause. */
class Head {
  host = '';
  seen = 0;
  declaredLength = '';
  transferEncoding = '';
  connection = '';
  expect = '';
  te = '';
  traceparent = '';
  requestId = '';

  clear(): void {
    this.host = this.declaredLength = this.transferEncoding = this.connection = this.expect = '';
    this.te = this.traceparent = this.requestId = '';
    this.seen = 0;
  }

  has(code: number): boolean {
    return (this.seen & (1 << code)) !== 0;
  }
}

function readHeaders(exchange: Exchange, head: Head): string | Refusal | undefined {
  const raw = exchange.client.head.rawHeaders;
  head.clear();
  if (raw.length > HEADERS_MAX * 2)
    return refuse(errors.HEAD_TOO_LARGE, { detail: `At most ${HEADERS_MAX} header lines` });
  const { kept } = exchange;
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index]!;
    const value = raw[index + 1]!;
    const code = headerCode(name);
    if (code === HEADER.PASS) {
      kept.push(name, value);
      continue;
    }
    const bit = 1 << code;
    if ((head.seen & bit & SINGLE) !== 0) return `two ${name} headers`;
    if (code === HEADER.TRACEPARENT && (head.seen & bit) !== 0) head.traceparent = '';
    else if (take(exchange, head, code, name, value) !== undefined) return `a header named ${name}`;
    head.seen |= bit;
  }
  return undefined;
}

/** Each known header to its place. */
function take(exchange: Exchange, head: Head, code: number, name: string, value: string): 'refused' | undefined {
  switch (code) {
    case HEADER.REFUSE:
      return 'refused';
    case HEADER.HOST:
      head.host = value;
      return undefined;
    case HEADER.CONTENT_LENGTH:
      head.declaredLength = value;
      return undefined;
    case HEADER.TRANSFER_ENCODING:
      head.transferEncoding = value;
      return undefined;
    case HEADER.CONNECTION:
      head.connection = head.connection === '' ? value : `${head.connection},${value}`;
      return undefined;
    case HEADER.EXPECT:
      head.expect = value;
      return undefined;
    case HEADER.TE:
      head.te = value;
      return undefined;
    case HEADER.COOKIE:
      exchange.cookie = exchange.cookie === '' ? value : `${exchange.cookie}; ${value}`;
      return undefined;
    case HEADER.AUTHORIZATION:
      exchange.authorization = value;
      return undefined;
    case HEADER.TRACEPARENT:
      head.traceparent = value;
      return undefined;
    case HEADER.TRACESTATE:
      exchange.tracestate = exchange.tracestate === '' ? value : `${exchange.tracestate},${value}`;
      return undefined;
    case HEADER.REQUEST_ID:
      head.requestId = value;
      return undefined;
    case HEADER.PREVIEW:
      // Two are no token.
      exchange.previewToken = exchange.previewToken === '' ? value : `${exchange.previewToken},${value}`;
      return undefined;
    case HEADER.ORIGIN:
      exchange.origin = value;
      break;
    case HEADER.FETCH_SITE:
      exchange.fetchSite = value;
      break;
    case HEADER.PREFLIGHT_METHOD:
      exchange.preflightMethod = value;
      break;
    case HEADER.PREFLIGHT_HEADERS:
      exchange.preflightHeaders = value;
      break;
    case HEADER.CONTENT_TYPE:
      break;
    default:
      return undefined;
  }
  exchange.kept.push(name, value);
  return undefined;
}

/** RFC 9112 section 6: exactly one way to find the end of the body. */
function checkFraming(exchange: Exchange, head: Head): string | undefined {
  const { version } = exchange.client.head;
  if (!VERSIONS.has(version)) return 'HTTP/1.1 or 1.0 only';
  const isOld = version === '1.0';
  if (head.has(HEADER.TRANSFER_ENCODING)) {
    if (head.has(HEADER.CONTENT_LENGTH)) return 'Transfer-Encoding and Content-Length together';
    if (isOld) return 'Transfer-Encoding in HTTP/1.0';
    if (head.transferEncoding.toLowerCase() !== 'chunked') return 'a Transfer-Encoding other than chunked';
    exchange.isChunked = true;
  } else if (head.has(HEADER.CONTENT_LENGTH)) {
    if (!/^(?:0|[1-9][0-9]{0,14})$/.test(head.declaredLength)) return 'a Content-Length that is not a plain number';
    exchange.contentLength = Number(head.declaredLength);
  } else if (version === '2') exchange.isChunked = !exchange.client.hasWholeBody && exchange.upgrade === null;
  if (head.has(HEADER.EXPECT)) {
    if (head.expect.toLowerCase() !== '100-continue') return 'an Expect other than 100-continue';
    exchange.expectsContinue = exchange.hasBody && !isOld;
  }
  if (head.has(HEADER.CONNECTION)) exchange.connectionNamed = namedBy(head.connection);
  if (head.has(HEADER.TE)) exchange.acceptsTrailers = /(?:^|,)[ \t]*trailers[ \t]*(?:,|$)/i.test(head.te);
  if (exchange.upgrade !== null && exchange.hasBody) return 'an upgrade with a body';
  // node:http loses what is pipelined behind an upgrade that is ignored: nobody should wait for it.
  if (exchange.upgrade === null && head.has(HEADER.UPGRADE) && version === '1.1') exchange.client.closeAfter();
  return undefined;
}

function namedBy(written: string): readonly string[] | null {
  if (written === 'keep-alive' || written === 'close') return null;
  const names = written
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && !NOTHING_NAMED.has(name));
  return names.length === 0 ? null : names;
}

/** Host and target: whom the request is for, in one reading. */
function readAddress(exchange: Exchange, head: Head): string | undefined {
  const { version, target: written } = exchange.client.head;
  if (head.has(HEADER.HOST)) {
    if (!isAuthority(head.host)) return 'a Host that is not a name or address with an optional port';
  } else if (version !== '1.0') return 'no Host';
  exchange.host = head.host;
  let target = written;
  if (target.charCodeAt(0) !== 0x2f) {
    if (exchange.method === 'CONNECT') return undefined;
    const { scheme } = exchange.connection;
    const absolute = splitAbsolute(target, scheme);
    if (absolute === null) return `a target that is neither a path nor an ${scheme} address`;
    if (!isAuthority(absolute.authority) || !isSameAuthority(absolute.authority, head.host, scheme))
      return 'an address that is not the one in Host';
    target = absolute.rest;
  }
  const read = readTarget(target);
  if (typeof read === 'string') return read;
  exchange.path = read.path;
  exchange.query = read.query;
  exchange.otherReading = read.otherReading;
  return undefined;
}
