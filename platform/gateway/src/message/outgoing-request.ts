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
  let head = `${method} ${path}${query} HTTP/1.1\r\n${outgoingLines(exchange)}`;
  if (isChunked) head += 'transfer-encoding: chunked\r\n';
  else if (contentLength > 0 || ANTICIPATE_BODY.has(method))
    head += `content-length: ${Math.max(contentLength, 0)}\r\n`;
  return { text: `${head}\r\n`, isHeadRequest: method === 'HEAD' };
}

/** RFC 9110 section 8.6: their lack of a body is said. */
const ANTICIPATE_BODY = new Set(['POST', 'PUT', 'PATCH']);

/**
 * The headers as lines of one text. Everything that could be mistaken for ours is gone before the headers that `Connection` names
 * are dropped, and ours come last: so no `Connection: x-switchyard-identity` can take them away
 * (fastify-reply-from CVE-2026-33805, Traefik CVE-2021-32813).
 */
export function outgoingLines(exchange: Exchange): string {
  const { kept, host, connection, cookie, connectionNamed: named } = exchange;
  let lines = '';
  for (let index = 0; index < kept.length; index += 2)
    if (named === null || !named.includes(kept[index]!.toLowerCase()))
      lines += `${kept[index]}: ${kept[index + 1]}\r\n`;
  if (cookie !== '') {
    const passed = withoutOurCookies(cookie);
    if (passed !== '') lines += `cookie: ${passed}\r\n`;
  }
  if (exchange.authorization !== '' && !exchange.isOwnAuthorization)
    lines += `authorization: ${exchange.authorization}\r\n`;
  if (exchange.acceptsTrailers) lines += 'te: trailers\r\n';
  if (exchange.identityToken !== '') lines += `${IDENTITY_HEADER}: ${exchange.identityToken}\r\n`;
  lines += host === '' ? withoutHost(exchange) : forwardedLines(connection, host);
  lines += `x-request-id: ${exchange.requestId}\r\n`;
  lines += `traceparent: 00-${exchange.traceId}-${exchange.spanId}-${exchange.traceFlags}\r\n`;
  if (exchange.tracestate !== '') lines += `tracestate: ${exchange.tracestate}\r\n`;
  return lines;
}

/** `Host` and what is said of the client; the same for all requests of a connection that ask for the same host. */
function forwardedLines(connection: ClientConnection, host: string): string {
  if (connection.forwarded?.host === host) return connection.forwarded.lines;
  const { address, scheme } = connection;
  let lines = `host: ${host}\r\nx-forwarded-for: ${address}\r\nx-forwarded-proto: ${scheme}\r\n`;
  lines += `x-forwarded-host: ${host}\r\nforwarded: for=${nodeOf(address)};host="${host}";proto=${scheme}\r\n`;
  connection.forwarded = { host, lines };
  return lines;
}

/** HTTP/1.0 may do without a Host; HTTP/1.1 towards the service may not. */
function withoutHost({ connection, claim }: Exchange): string {
  const { address, scheme } = connection;
  const { host, port } = claim!.instance;
  const lines = `host: ${host.includes(':') ? `[${host}]` : host}:${port}\r\nx-forwarded-for: ${address}\r\n`;
  return `${lines}x-forwarded-proto: ${scheme}\r\nforwarded: for=${nodeOf(address)};proto=${scheme}\r\n`;
}

/** RFC 7239: IPv6 addresses are quoted. */
const nodeOf = (address: string): string => (address.includes(':') ? `"[${address}]"` : address);
