/**
 * Lets an application of node:http answer a stream of HTTP/2: Express, which takes its requests and responses for those of node:http
 * and nothing else. Its answers are small and come as a whole; none of them is a stream.
 */
import { IncomingMessage, ServerResponse } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';
import { Socket } from 'node:net';
import type { ClientSide } from '../client-side.ts';

/** Means nothing to a client that has no connection of HTTP/1.1. */
const NOT_PASSED = new Set(['connection', 'keep-alive', 'transfer-encoding']);

type Application = (request: IncomingMessage, response: ServerResponse) => void;

export function answerAsHttp1(client: ClientSide, stream: ServerHttp2Stream, application: Application): void {
  const request = requestOf(client);
  request._read = () => stream.resume();
  const response = new ServerResponse(request);
  // Of the object itself: Express puts another prototype under it.
  Object.assign(response, {
    write: () => {
      throw new Error('an own answer is given as a whole');
    },
    writeContinue: () => client.sendContinue(),
    end: (given?: string | Buffer | (() => void), encoding?: BufferEncoding | (() => void)) => {
      if (response.finished) return response;
      response.finished = true;
      const body = typeof given === 'string' ? Buffer.from(given, encodingOf(encoding)) : given;
      give(client, response, Buffer.isBuffer(body) ? body : Buffer.alloc(0));
      return response;
    },
    destroy: () => {
      client.cut();
      return response;
    },
  });
  application(request, response);
  stream.on('data', (chunk: Buffer) => {
    if (!request.push(chunk)) stream.pause();
  });
  stream.on('end', () => {
    if (stream.closed) return;
    request.complete = true;
    request.push(null);
  });
  stream.on('close', () => {
    if (!request.complete) request.destroy(new Error('the client left'));
    response.emit('close');
  });
}

/** A request that reads what is pushed into it; there is no connection of its own to read from. */
function requestOf({ head, hasWholeBody }: ClientSide): IncomingMessage {
  const request = new IncomingMessage(new Socket());
  request.method = head.method;
  request.url = head.target;
  request.httpVersion = '1.1';
  request.rawHeaders = [...head.rawHeaders];
  request.headers = {};
  for (let index = 0; index < head.rawHeaders.length; index += 2) {
    const name = head.rawHeaders[index]!;
    request.headers[name] ??= head.rawHeaders[index + 1]!;
  }
  // Where there is a body of unknown length, HTTP/1.1 says so.
  if (!hasWholeBody) request.headers['transfer-encoding'] ??= 'chunked';
  request.on('error', () => {});
  return request;
}

function give(client: ClientSide, response: ServerResponse, body: Buffer): void {
  const headers: string[] = [];
  for (const name of response.getHeaderNames()) {
    if (NOT_PASSED.has(name)) continue;
    const value = response.getHeader(name)!;
    for (const one of Array.isArray(value) ? value : [String(value)]) headers.push(name, one);
  }
  if (!response.hasHeader('content-length') && response.statusCode !== 204)
    headers.push('content-length', String(body.length));
  client.begin(response.statusCode, '', headers, client.head.method === 'HEAD' ? 0 : body.length);
  if (body.length > 0) client.write(body);
  client.end();
}

const encodingOf = (given: unknown): BufferEncoding => (typeof given === 'string' ? (given as BufferEncoding) : 'utf8');
