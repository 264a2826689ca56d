/** The headers of a request as a service gets them: what the client sent end to end, and what only the gateway may say. */
import { IDENTITY_HEADER } from '@switchyard/contracts/identity';
import type { ClientConnection } from '../door/client-connection.ts';
import type { Exchange } from '../exchange.ts';
import type { OutgoingHead } from '../upstream/connection.ts';
import { withoutOurCookies } from './cookies.ts';

/**
 * The head of a request as one text, with the empty line at its end. It is framed by one length or one chunked coding, whatever the
 * client's framing was.
 */
export function outgoingHead(exchange: Exchange): OutgoingHead {
  const { method, path, query, contentLength, isChunked } = exchange;
  const headers = outgoingHeaders(exchange);
  let head = `${method} ${path}${query} HTTP/1.1\r\n`;
  for (let index = 0; index < headers.length; index += 2) head += `${headers[index]}: ${headers[index + 1]}\r\n`;
  if (isChunked) head += 'transfer-encoding: chunked\r\n';
  else if (contentLength > 0 || ANTICIPATE_BODY.has(method))
    head += `content-length: ${Math.max(contentLength, 0)}\r\n`;
  return { text: `${head}\r\n`, isHeadRequest: method === 'HEAD' };
}

/** RFC 9110 section 8.6: their lack of a body is said. */
const ANTICIPATE_BODY = new Set(['POST', 'PUT', 'PATCH']);

/**
 * Names and values in turn. Everything that could be mistaken for ours is gone before the headers that `Connection` names
 * are dropped, and ours come last: so no `Connection: x-switchyard-identity` can take them away
 * (fastify-reply-from CVE-2026-33805, Traefik CVE-2021-32813).
 */
export function outgoingHeaders(exchange: Exchange): string[] {
  const headers = exchange.connectionNamed === null ? exchange.kept : withoutNamed(exchange);
  const { host, connection, cookie } = exchange;
  const { instance } = exchange.claim!;
  headers.push('host', host === '' ? `${instance.host}:${instance.port}` : host);
  if (cookie !== '') {
    const passed = withoutOurCookies(cookie);
    if (passed !== '') headers.push('cookie', passed);
  }
  if (exchange.authorization !== '' && !exchange.isOwnAuthorization)
    headers.push('authorization', exchange.authorization);
  if (exchange.acceptsTrailers) headers.push('te', 'trailers');
  if (exchange.identityToken !== '') headers.push(IDENTITY_HEADER, exchange.identityToken);
  headers.push('x-forwarded-for', connection.address, 'x-forwarded-proto', connection.scheme, 'x-forwarded-host', host);
  headers.push('forwarded', forwardedBy(connection, host), 'x-request-id', exchange.requestId);
  headers.push('traceparent', `00-${exchange.traceId}-${exchange.spanId}-${exchange.traceFlags}`);
  if (exchange.tracestate !== '') headers.push('tracestate', exchange.tracestate);
  return headers;
}

/** RFC 7239; IPv6 addresses and ports are quoted. */
function forwardedBy({ address, scheme }: ClientConnection, host: string): string {
  const node = address.includes(':') ? `"[${address}]"` : address;
  return host === '' ? `for=${node};proto=${scheme}` : `for=${node};host="${host}";proto=${scheme}`;
}

function withoutNamed(exchange: Exchange): string[] {
  const named = exchange.connectionNamed ?? [];
  const headers: string[] = [];
  for (let index = 0; index < exchange.kept.length; index += 2) {
    const name = exchange.kept[index]!;
    if (!named.includes(name.toLowerCase())) headers.push(name, exchange.kept[index + 1]!);
  }
  return headers;
}
