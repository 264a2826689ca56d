/** Proves how servers listen and close, and which JSON bodies are read. */
import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import express from 'express';
import { createLogger } from '../log.ts';
import { jsonBody } from './json-body.ts';
import { problemHandler } from './problems.ts';
import { closeServer, listen, portOf } from './server.ts';

const log = createLogger({ service: 'test', level: 'silent' });
const LOCAL = { host: '127.0.0.1', port: 0 };

interface Answer {
  readonly status: number | undefined;
  readonly text: string;
}

const send = (
  server: Server,
  options: { agent?: Agent; headers?: Record<string, string>; chunks?: (string | Buffer)[] } = {},
) =>
  new Promise<Answer>((resolve, reject) => {
    const { agent, headers = {}, chunks } = options;
    const call = request(
      {
        port: portOf(server),
        host: LOCAL.host,
        method: chunks === undefined ? 'GET' : 'POST',
        headers,
        ...(agent === undefined ? {} : { agent }),
      },
      (response: IncomingMessage) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.once('end', () => resolve({ status: response.statusCode, text }));
        response.once('error', reject);
      },
    );
    call.once('error', reject);
    for (const chunk of chunks ?? []) call.write(chunk);
    call.end();
  });

describe('an HTTP server', () => {
  it('names the address that is taken', async () => {
    const server = await listen(() => {}, LOCAL);
    await assert.rejects(
      listen(() => {}, { ...LOCAL, port: portOf(server) }),
      new RegExp(`port taken: 127\\.0\\.0\\.1:${portOf(server)} is already in use`),
    );
    await assert.rejects(
      listen(() => {}, { host: '203.0.113.1', port: 0 }),
      /cannot listen on 203\.0\.113\.1:0/,
    );
    await closeServer(server);
  });

  it('closes after the answers that are under way, and does not wait for idle connections', async () => {
    const began = Promise.withResolvers<ServerResponse>();
    const server = await listen((incoming, response) => {
      if (incoming.url === '/' && incoming.method === 'GET') response.end('quick');
      else began.resolve(response);
    }, LOCAL);
    const agent = new Agent({ keepAlive: true });
    await send(server, { agent });
    const slow = send(server, { chunks: ['x'] });
    const response = await began.promise;
    const closed = closeServer(server, 60_000);
    response.end('slow');
    assert.equal((await slow).text, 'slow');
    await closed;
    agent.destroy();
  });

  it('cuts what has no end after the grace', async () => {
    const server = await listen((_, response) => void response.write('endless'), LOCAL);
    const cut = assert.rejects(send(server));
    await new Promise((resolve) => server.once('request', resolve));
    await closeServer(server, 10);
    await cut;
  });
});

describe('a JSON body', () => {
  let server: Server;
  before(async () => {
    const application = express();
    application.use(
      jsonBody({ limitBytes: 1_000 }),
      (incoming, response) =>
        void response.json({ read: incoming.body === undefined ? 'nothing' : (incoming.body as unknown) }),
    );
    application.use(problemHandler(log));
    server = await listen(application, LOCAL);
  });
  after(() => closeServer(server));
  const post = async (chunks: (string | Buffer)[], headers: Record<string, string> = {}) => {
    const { status, text } = await send(server, {
      chunks,
      headers: { 'content-type': 'application/json', ...headers },
    });
    return [
      status,
      (JSON.parse(text) as { read?: unknown; code?: string }).code ?? (JSON.parse(text) as { read: unknown }).read,
    ];
  };

  it('is read in pieces, compressed, and as any kind of JSON', async () => {
    assert.deepEqual(await post(['{"a"', ':"é"}']), [200, { a: 'é' }]);
    assert.deepEqual(await post([gzipSync('{"a":1}')], { 'content-encoding': 'gzip' }), [200, { a: 1 }]);
    for (const type of [
      'application/merge-patch+json',
      'application/json; charset=utf-8',
      'APPLICATION/JSON;charset="UTF-8"',
    ])
      assert.deepEqual(await post(['7'], { 'content-type': type }), [200, 7], type);
  });

  it('may be absent', async () => {
    assert.deepEqual(JSON.parse((await send(server)).text), { read: 'nothing' });
    assert.deepEqual(await post([], { 'content-length': '0', 'content-type': 'text/plain' }), [200, 'nothing']);
  });

  it('has a refusal for each way to be wrong', async () => {
    assert.deepEqual(await post(['{']), [400, 'REQUEST_NOT_JSON']);
    assert.deepEqual(await post(['{"a":1}x']), [400, 'REQUEST_NOT_JSON']);
    assert.deepEqual(await post([Buffer.from([0x22, 0xc3, 0x28, 0x22])]), [400, 'REQUEST_NOT_UTF8']);
    assert.deepEqual(await post(['"a"'], { 'content-type': 'application/json; charset=latin1' }), [
      415,
      'REQUEST_MEDIA_TYPE',
    ]);
    assert.deepEqual(await post(['"a"'], { 'content-type': 'text/json' }), [415, 'REQUEST_MEDIA_TYPE']);
    assert.deepEqual(await post(['"', 'x'.repeat(1_000), '"']), [413, 'REQUEST_BODY_TOO_LARGE']);
    assert.deepEqual(await post([gzipSync(JSON.stringify('x'.repeat(100_000)))], { 'content-encoding': 'gzip' }), [
      413,
      'REQUEST_BODY_TOO_LARGE',
    ]);
    assert.deepEqual(await post(['not gzip'], { 'content-encoding': 'gzip' }), [400, 'REQUEST_INVALID']);
    assert.equal((await post(['"a"'], { 'content-encoding': 'rot13' }))[0], 415);
  });
});
