/** What a client of HTTP/2 gets to see: answers, bodies and their pace, WebSockets on streams, and the end of a connection. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { constants } from 'node:http2';
import type { ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import type { Duplex } from 'node:stream';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { answerOf, askStream, startSecureYard } from '../../testing/secure-yard.ts';
import type { SecureYard } from '../../testing/secure-yard.ts';
import { connectFrames, FRAME, frame, getWith, request } from '../../testing/raw-http2.ts';

type Listener = (request: IncomingMessage, response: ServerResponse) => void;

const started = (stream: ClientHttp2Stream): Promise<IncomingHttpHeaders> =>
  once(stream, 'response').then(([headers]) => headers as IncomingHttpHeaders);

test('an answer without a body, and one to HEAD, end with their head', async (t) => {
  const yard = await startSecureYard(t, (request, response) => {
    if (request.url === '/none') response.writeHead(204).end();
    else if (request.url === '/same') response.writeHead(304, { etag: '"a"' }).end();
    else response.writeHead(200, { 'content-length': '5' }).end('hello');
  });
  const session = yard.session();
  for (const [path, status] of [
    ['/none', 204],
    ['/same', 304],
  ] as const) {
    const answer = await askStream(session, { ':path': path });
    assert.deepEqual([answer.status, answer.text, answer.resetCode], [status, '', 0]);
  }
  const head = await askStream(session, { ':method': 'HEAD', ':path': '/x' });
  assert.deepEqual([head.status, head.headers['content-length'], head.text], [200, '5', '']);
});

test('what speaks of a connection does not reach the client, fields that come twice do', async (t) => {
  const yard = await startSecureYard(t, (_request, response) => {
    response.setHeader('Keep-Alive', 'timeout=5');
    response.setHeader('Set-Cookie', ['a=1', 'b=2']);
    response.setHeader('X-Two', ['1', '2']);
    response.setHeader('Content-Type', 'text/plain');
    response.end('x');
  });
  const { headers } = await askStream(yard.session(), {});
  assert.deepEqual(headers['set-cookie'], ['a=1', 'b=2']);
  assert.equal(headers['x-two'], '1, 2');
  for (const name of ['connection', 'keep-alive', 'transfer-encoding']) assert.equal(headers[name], undefined);
});

test('trailers of an answer pass to who asks for them, and to nobody else', async (t) => {
  const yard = await startSecureYard(t, (_request, response) => {
    response.setHeader('trailer', 'x-sum');
    response.write('abc');
    response.addTrailers({ 'X-Sum': '7' });
    response.end();
  });
  const session = yard.session();
  const asked = await askStream(session, { te: 'trailers' });
  assert.deepEqual([asked.text, asked.trailers['x-sum']], ['abc', '7']);
  const not = await askStream(session, {});
  assert.deepEqual([not.text, not.trailers['x-sum']], ['abc', undefined]);
});

test('trailers of a request are dropped', async (t) => {
  const yard = await startSecureYard(t, (request, response) => {
    request.resume();
    request.on('end', () => response.end(JSON.stringify([request.trailers, request.headers['x-late'] ?? null])));
  });
  const stream = yard.session().request({ ':method': 'POST' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'x-late': '1' }));
  stream.end('abc');
  assert.equal((await answerOf(stream)).text, '[{},null]');
});

test('a hundred requests run on one connection at a time, and each has its own answer', async (t) => {
  const yard = await startSecureYard(t, (request, response) => {
    request.resume();
    request.on('end', () => response.end(request.url));
  });
  const session = yard.session();
  const paths = Array.from({ length: 300 }, (_, index) => `/${index}`);
  const answers = await Promise.all(
    paths.map((path) => askStream(session, { ':method': 'POST', ':path': path }, path)),
  );
  assert.deepEqual(
    answers.map(({ text }) => text),
    paths,
  );
});

test('a body waits at the client while the service does not read', async (t) => {
  let asked: IncomingMessage | null = null;
  let had = 0;
  const { promise: arrived, resolve: hasArrived } = Promise.withResolvers<void>();
  const yard = await startSecureYard(t, (request, response) => {
    asked = request;
    hasArrived();
    request.on('end', () => response.end(String(had)));
  });
  const session = yard.session();
  const stream = session.request({ ':method': 'POST' });
  const answer = answerOf(stream);
  let given = 0;
  const give = (): void => {
    while (given < 32_000_000) {
      given += 64_000;
      if (!stream.write(Buffer.alloc(64_000))) return void stream.once('drain', give);
    }
    stream.end();
  };
  give();
  await arrived;
  // Others of the connection go on; when nothing has moved for a while of theirs, all is as full as it gets.
  for (let before = -1; before !== given;) {
    before = given;
    for (let index = 0; index < 20; index += 1) await askStream(session, { ':path': '/-/live' });
  }
  assert.ok(given < 16_000_000, `${given} bytes were taken from the client`);
  asked!.on('data', (chunk: Buffer) => (had += chunk.length));
  assert.equal((await answer).text, '32000000');
});

test('an answer waits at the service while the client does not read, and others go on', async (t) => {
  let written = 0;
  const yard = await startSecureYard(t, (request, response) => {
    if (request.url !== '/long') return void response.end('short');
    const more = (): void => {
      while (written < 64_000_000) {
        written += 64_000;
        if (!response.write(Buffer.alloc(64_000))) return void response.once('drain', more);
      }
      response.end();
    };
    more();
  });
  const session = yard.session();
  const stream = session.request({ ':path': '/long' });
  await started(stream);
  for (let index = 0; index < 20; index += 1) assert.equal((await askStream(session, {})).text, 'short');
  assert.ok(written < 32_000_000, `${written} bytes were taken from the service`);
  let read = 0;
  stream.on('data', (chunk: Buffer) => (read += chunk.length));
  await once(stream, 'end');
  assert.equal(read, 64_000_000);
});

test('a request that is taken back is taken back from the service', async (t) => {
  const { promise: left, resolve: hasLeft } = Promise.withResolvers<void>();
  const { promise: arrived, resolve: hasArrived } = Promise.withResolvers<void>();
  const yard = await startSecureYard(t, (request, response) => {
    if (request.url !== '/hang') return void response.end('ok');
    response.on('close', hasLeft);
    hasArrived();
  });
  const session = yard.session();
  const stream = session.request({ ':path': '/hang' });
  stream.on('error', () => {});
  await arrived;
  stream.close(constants.NGHTTP2_CANCEL);
  await left;
  assert.equal((await askStream(session, {})).text, 'ok');
});

for (const [name, end] of [
  ['taken back', frame(FRAME.reset, 0, 1, Buffer.from([0, 0, 0, constants.NGHTTP2_CANCEL]))],
  ['taken back for no reason', frame(FRAME.reset, 0, 1, Buffer.alloc(4))],
  ['left', null],
] as const)
  test(`an upload that is ${name} does not look whole to the service`, async (t) => {
    const { promise: ended, resolve } = Promise.withResolvers<string>();
    const { promise: arrived, resolve: hasArrived } = Promise.withResolvers<void>();
    const yard = await startSecureYard(t, (asked) => {
      asked.once('data', () => hasArrived());
      asked.on('data', () => {});
      asked.on('end', () => resolve('whole'));
      asked.on('error', () => resolve('cut'));
    });
    const socket = connectFrames(yard);
    t.after(() => socket.destroy());
    socket.write(request(1, getWith({ ':method': 'POST' }), true));
    socket.write(frame(FRAME.data, 0, 1, Buffer.from('half')));
    await arrived;
    if (end === null) socket.destroy();
    else socket.write(end);
    assert.equal(await ended, 'cut');
  });

test('an answer that breaks off is reset, so that it does not look whole', async (t) => {
  const yard = await startSecureYard(t, (_request, response) => {
    response.write('half', () => response.destroy());
  });
  const { status, resetCode } = await askStream(yard.session(), {});
  assert.deepEqual([status, resetCode], [200, constants.NGHTTP2_INTERNAL_ERROR]);
});

test('a body beyond the limit of its route is answered 413, and the rest of it is not waited for', async (t) => {
  const ignoring: Listener = (request) => request.resume();
  const yard = await startSecureYard(t, ignoring, {}, { bodyLimitBytes: 100_000 });
  const stream = yard.session().request({ ':method': 'POST' });
  stream.write(Buffer.alloc(200_000));
  const answer = await answerOf(stream);
  assert.equal(answer.status, 413);
  assert.match(answer.text, /GATEWAY_BODY_TOO_LARGE/);
});

test('Expect: 100-continue is answered before the body', async (t) => {
  const yard = await startSecureYard(t, (request, response) => {
    request.resume();
    request.on('end', () => response.end('done'));
  });
  const stream = yard.session().request({ ':method': 'POST', expect: '100-continue' });
  await once(stream, 'continue');
  stream.end('abc');
  assert.equal((await answerOf(stream)).text, 'done');
});

// Pages.

test('our own pages are those of https and this port: others change nothing by cookie', async (t) => {
  const yard = await startSecureYard(t, (request, response) => {
    request.resume();
    response.end('ok');
  });
  const ask = (origin: string) =>
    askStream(yard.session(), {
      ':method': 'POST',
      ':path': '/api/session/refresh',
      cookie: '__Host-switchyard-refresh=x',
      origin,
    });
  assert.equal((await ask(`http://localhost:${yard.tlsPort}`)).status, 403);
  assert.equal((await ask(`http://localhost:${yard.gateway.port}`)).status, 403);
  assert.notEqual((await ask(yard.secureUrl)).status, 403);
});

// WebSockets (RFC 8441).

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** A service that sends back what comes, frames or not. */
async function startEcho(
  t: TestContext,
  answerTo = (key: string): string => key,
): Promise<SecureYard & { asked: IncomingMessage[] }> {
  const asked: IncomingMessage[] = [];
  const yard = await startSecureYard(t, (_request, response) => response.writeHead(426).end('upgrade'));
  const sockets = new WebSocketServer({ noServer: true });
  yard.upstream.server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (request.url === '/ws') {
      sockets.handleUpgrade(request, socket, head, (one) => one.on('message', (data) => one.send(data)));
      return;
    }
    asked.push(request);
    socket.on('error', () => {});
    t.after(() => socket.destroy());
    const accept = createHash('sha1')
      .update(answerTo(request.headers['sec-websocket-key']!) + GUID)
      .digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: chat\r\n\r\n`,
    );
    socket.pipe(socket);
  });
  return { ...yard, asked };
}

const CONNECT = { ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/ws?a=b', 'sec-websocket-version': '13' };

test('a WebSocket on a stream is one on a connection towards the service', async (t) => {
  const yard = await startEcho(t);
  const session = yard.session();
  await once(session, 'remoteSettings');
  assert.equal(session.remoteSettings.enableConnectProtocol, true);
  const stream = session.request({ ...CONNECT, 'sec-websocket-protocol': 'chat' });
  const headers = await started(stream);
  assert.equal((headers as Record<string, unknown>)[':status'], 200);
  assert.equal(headers['sec-websocket-accept'], undefined);
  assert.equal(headers['sec-websocket-protocol'], 'chat');
  stream.write(Buffer.from('\x81\x85\0\0\0\0hello', 'latin1'));
  const [frame] = (await once(stream, 'data')) as [Buffer];
  assert.equal(frame.toString('latin1'), '\x81\x85\0\0\0\0hello');
  const [asked] = yard.asked;
  assert.equal(asked!.method, 'GET');
  assert.equal(asked!.url, '/ws?a=b');
  assert.equal(asked!.headers['x-forwarded-proto'], 'https');
  assert.match(asked!.headers['sec-websocket-key']!, /^[A-Za-z0-9+/]{22}==$/);
  assert.equal(asked!.headers.host, `localhost:${yard.tlsPort}`);
  stream.end();
  await once(stream, 'close');
});

test('a WebSocket whose service does not know the key is none', async (t) => {
  const yard = await startEcho(t, (key) => `${key}x`);
  const session = yard.session();
  await once(session, 'remoteSettings');
  const { status, resetCode } = await answerOf(session.request(CONNECT));
  assert.deepEqual([status, resetCode], [0, constants.NGHTTP2_INTERNAL_ERROR]);
});

test('a service that declines a WebSocket answers as to any other request', async (t) => {
  const yard = await startSecureYard(t, (_request, response) => response.writeHead(403).end('not here'));
  const session = yard.session();
  await once(session, 'remoteSettings');
  const stream = session.request(CONNECT);
  const { status, text } = await answerOf(stream);
  assert.deepEqual([status, text], [403, 'not here']);
});

test('a WebSocket on a stream is told that the gateway stops', async (t) => {
  const yard = await startEcho(t);
  const session = yard.session();
  await once(session, 'remoteSettings');
  const stream = session.request(CONNECT);
  await started(stream);
  const stopped = yard.gateway.stop();
  const [frame] = (await once(stream, 'data')) as [Buffer];
  assert.deepEqual([frame[0], frame.readUInt16BE(2)], [0x88, 1012]);
  stream.end();
  await stopped;
});

test('a WebSocket over TLS and HTTP/1.1 works as without TLS', async (t) => {
  const yard = await startEcho(t);
  const socket = new WebSocket(`${yard.secureUrl.replace('https', 'wss')}/ws`, { ca: yard.authority.pem });
  await once(socket, 'open');
  socket.send('ping');
  assert.equal(String((await once(socket, 'message'))[0]), 'ping');
  socket.close();
  await once(socket, 'close');
});

// The end of a connection.

test('a gateway that stops finishes what runs, and says so before', async (t) => {
  let finish = (): void => {};
  const { promise: arrived, resolve: hasArrived } = Promise.withResolvers<void>();
  const yard = await startSecureYard(t, (_request, response) => {
    finish = () => response.end('whole');
    hasArrived();
  });
  const session = yard.session();
  const answer = askStream(session, { ':path': '/slow' });
  await arrived;
  const goneAway = once(session, 'goaway');
  const stopped = yard.gateway.stop();
  const [code, last] = (await goneAway) as [number, number];
  assert.deepEqual([code, last], [constants.NGHTTP2_NO_ERROR, 1]);
  finish();
  assert.equal((await answer).text, 'whole');
  await stopped;
});

test('a connection that is quiet is closed with a word', async (t) => {
  const yard = await startSecureYard(t, (_request, response) => response.end('ok'));
  const session = yard.session();
  assert.equal((await askStream(session, {})).text, 'ok');
  const goneAway = once(session, 'goaway');
  const closed = once(session, 'close');
  await yard.gateway.stop();
  assert.equal((await goneAway)[0], constants.NGHTTP2_NO_ERROR);
  await closed;
});
