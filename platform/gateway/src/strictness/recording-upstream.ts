/** A service that keeps every byte it gets, reads them more strictly than any server, and answers as it is told. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import type { TestContext } from 'node:test';

export interface RecordedRequest {
  readonly method: string;
  readonly target: string;
  /** Names in lower case and values, in the order in which they came. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
}

export interface RecordingUpstream {
  readonly port: number;
  /** Whole requests, in the order of their ends. */
  readonly requests: RecordedRequest[];
  /** What no gateway may send, in words. */
  readonly faults: string[];
  /** All bytes of each connection, a character a byte. */
  readonly connections: string[];
  /** Those that are open. */
  readonly sockets: ReadonlySet<Socket>;
}

/** The bytes of an answer, or null to leave the request without one. */
export type Answering = (request: RecordedRequest, socket: Socket) => string | null;

const HEAD = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n';
const REQUEST_LINE = /^([A-Z-]{1,24}) (\/[\x21-\x22\x24-\x5b\x5d-\x7e]*) HTTP\/1\.1$/;
const FIELD = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\t\x20-\x7e\x80-\xff]*)$/;

export async function startRecordingUpstream(
  context: TestContext,
  answering: Answering = ({ method }) => (method === 'HEAD' ? HEAD : `${HEAD}ok`),
): Promise<RecordingUpstream> {
  const requests: RecordedRequest[] = [];
  const faults: string[] = [];
  const connections: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    const nth = connections.push('') - 1;
    let pending = '';
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      connections[nth] += chunk;
      pending += chunk;
      for (;;) {
        const read = readRequest(pending);
        if (read === null) return;
        if (typeof read === 'string') {
          faults.push(`${read} in ${JSON.stringify(pending)}`);
          socket.destroy();
          return;
        }
        pending = pending.slice(read.length);
        requests.push(read.request);
        const answer = answering(read.request, socket);
        if (answer !== null && socket.writable) socket.write(answer, 'latin1');
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, requests, faults, connections, sockets };
}

/** null: not whole yet; a string: why no gateway may send it. */
export function readRequest(pending: string): { request: RecordedRequest; length: number } | string | null {
  const end = pending.indexOf('\r\n\r\n');
  if (end === -1) return null;
  const [first = '', ...lines] = pending.slice(0, end).split('\r\n');
  const line = REQUEST_LINE.exec(first);
  if (line === null) return 'a request line that is none';
  const headers: [string, string][] = [];
  for (const written of lines) {
    const field = FIELD.exec(written);
    if (field === null) return `a header line that is none (${JSON.stringify(written)})`;
    headers.push([field[1]!.toLowerCase(), field[2]!]);
  }
  const framing = headers.filter(([name]) => /^(?:content|transfer)[-_.](?:length|encoding)$/.test(name));
  if (headers.filter(([name]) => name === 'transfer-encoding' || name === 'content-length').length > 1)
    return 'two framings';
  if (framing.some(([name]) => /[_.]/.test(name))) return 'a framing in another spelling';
  if (headers.filter(([name]) => name === 'host').length > 1) return 'two Hosts';
  const body = readBody(pending.slice(end + 4), framing[0]?.[0], framing[0]?.[1]);
  if (body === null || typeof body === 'string') return body;
  const request = { method: line[1]!, target: line[2]!, headers, body: body.text };
  return { request, length: end + 4 + body.length };
}

function readBody(
  rest: string,
  framing: string | undefined,
  value: string | undefined,
): { text: string; length: number } | string | null {
  if (framing === undefined) return { text: '', length: 0 };
  if (framing === 'content-length') {
    if (!/^(?:0|[1-9][0-9]*)$/.test(value!)) return `the length ${value}`;
    const length = Number(value);
    return rest.length < length ? null : { text: rest.slice(0, length), length };
  }
  if (value !== 'chunked') return `the coding ${value}`;
  let text = '';
  let at = 0;
  for (;;) {
    const lineEnd = rest.indexOf('\r\n', at);
    if (lineEnd === -1) return null;
    const written = rest.slice(at, lineEnd);
    if (!/^[0-9a-f]{1,8}$/i.test(written)) return `the chunk size ${JSON.stringify(written)}`;
    const size = Number.parseInt(written, 16);
    at = lineEnd + 2;
    if (rest.length < at + size + 2) return null;
    if (rest.slice(at + size, at + size + 2) !== '\r\n')
      return size === 0 ? 'trailers of a request' : 'a chunk that does not end where it says';
    if (size === 0) return { text, length: at + 2 };
    text += rest.slice(at, at + size);
    at += size + 2;
  }
}
