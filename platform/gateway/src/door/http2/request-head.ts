/** The head of a request that came by HTTP/2, in the form of one that came by HTTP/1.1; what that form could not carry unambiguously is refused. */
import { randomBytes } from 'node:crypto';
import { refuse } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import { errors } from '../../errors.ts';
import type { RequestHead } from '../client-side.ts';

/** The same as for HTTP/1.1; counted as there, by names and values alone. */
const HEAD_MAX_BYTES = 16_384;
/** They speak of an HTTP/1.1 connection, and would change how the request is framed behind us (RFC 9113 section 8.2.2). */
const OF_A_CONNECTION = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade']);
const NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
/** A line that could be taken for two. */
// oxlint-disable-next-line no-control-regex
const BROKEN_VALUE = /[\0\r\n]/;

export interface StreamHead extends RequestHead {
  /** The Sec-WebSocket-Key that was made for the service when a WebSocket is asked for (RFC 8441); '' when none is. */
  readonly webSocketKey: string;
}

/** @param raw names and values in turn, as they came, pseudo-header fields among them */
export function readStreamHead(raw: readonly string[]): StreamHead {
  const pseudo: Record<string, string> = {};
  const rawHeaders: string[] = [];
  let host: string | null = null;
  let bytes = 0;
  let fault: string | null = null;
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index]!;
    const value = raw[index + 1]!;
    bytes += name.length + value.length;
    if (name.charCodeAt(0) === 0x3a) {
      if (pseudo[name] !== undefined) fault = `two ${name}`;
      pseudo[name] = value;
    } else if (name === 'host') {
      if (host !== null) fault = 'two host headers';
      host = value;
    } else {
      fault ??= faultOf(name, value);
      rawHeaders.push(name, value);
    }
  }
  const { ':method': method = '', ':path': path = '', ':authority': authority = host, ':protocol': protocol } = pseudo;
  const isWebSocket = method === 'CONNECT' && protocol === 'websocket';
  if (method !== 'CONNECT' || isWebSocket) fault ??= faultOfAddress(pseudo, host);
  if (authority !== null) rawHeaders.push('host', authority);
  const webSocketKey = isWebSocket ? randomBytes(16).toString('base64') : '';
  // HTTP/2 needs no key, but the service does; whoever sends one could know what it answers to it.
  return {
    method: isWebSocket ? 'GET' : method,
    target: path,
    version: '2',
    rawHeaders: isWebSocket ? [...rawHeaders.filter(isNoKey), 'sec-websocket-key', webSocketKey] : rawHeaders,
    refusal: refusalOf(bytes, fault),
    webSocketKey,
  };
}

function faultOf(name: string, value: string): string | null {
  if (OF_A_CONNECTION.has(name)) return `a header named ${name}, which has no meaning in HTTP/2`;
  if (name === 'te' && value !== 'trailers') return 'a TE other than trailers';
  if (!NAME.test(name)) return 'a header name with characters that none has';
  if (BROKEN_VALUE.test(value)) return `a line break in ${name}`;
  return null;
}

function faultOfAddress(pseudo: Readonly<Record<string, string>>, host: string | null): string | null {
  if (pseudo[':scheme'] !== 'https') return 'a :scheme other than https';
  if (pseudo[':path']?.startsWith('/') !== true) return 'a :path that does not begin with /';
  const { ':authority': authority } = pseudo;
  if (authority !== undefined && host !== null && authority.toLowerCase() !== host.toLowerCase())
    return 'a host that is not the :authority';
  return null;
}

function refusalOf(bytes: number, fault: string | null): Refusal | null {
  if (fault !== null) return refuse(errors.REQUEST_MALFORMED, { detail: fault });
  if (bytes > HEAD_MAX_BYTES) return refuse(errors.HEAD_TOO_LARGE, { detail: 'At most 16 KiB' });
  return null;
}

const isNoKey = (_part: string, index: number, headers: readonly string[]): boolean =>
  headers[index - (index % 2)] !== 'sec-websocket-key';
