/** WebSockets pass through the same stages as every request, and end with their session, service or instance. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { sendRaw } from '../testing/raw-client.ts';
import { startTestYard, startYardWith } from '../testing/test-yard.ts';
import type { TestYard } from '../testing/test-yard.ts';

interface Upstream {
  readonly port: number;
  readonly sockets: WebSocketServer;
  kill(): void;
}

async function startWebSocketUpstream(context: TestContext): Promise<Upstream> {
  const server = createServer((_request, response) => response.end('plain'));
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket, request) => {
    socket.on('error', () => {});
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
    socket.send(JSON.stringify({ url: request.url, headers: request.headers }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const kill = (): void => {
    for (const socket of sockets.clients) socket.terminate();
    server.closeAllConnections();
    server.close();
  };
  context.after(kill);
  return { port: (server.address() as AddressInfo).port, sockets, kill };
}

const yardOf = (
  context: TestContext,
  port: number,
  environment: Readonly<Record<string, string>> = {},
): Promise<TestYard> =>
  startTestYard(context, { echo: { routes: ['/'], deployments: { 'echo-1': [{ id: 'a', port }] } } }, environment);

async function open(yard: TestYard, path = '/', options: object = {}): Promise<{ socket: WebSocket; hello: string }> {
  const socket = new WebSocket(`ws://${yard.host}${path}`, options);
  socket.on('error', () => {});
  const [hello] = (await once(socket, 'message')) as [Buffer];
  return { socket, hello: hello.toString() };
}

test('messages of all sizes pass both ways', async (t) => {
  const upstream = await startWebSocketUpstream(t);
  const yard = await yardOf(t, upstream.port);
  const { socket } = await open(yard);
  for (const size of [0, 1, 125, 126, 65_535, 65_536, 1_000_000]) {
    socket.send(Buffer.alloc(size, 'x'));
    const [echoed] = (await once(socket, 'message')) as [Buffer];
    assert.equal(echoed.length, size);
  }
  socket.close(1000);
  const [code] = (await once(socket, 'close')) as [number];
  assert.equal(code, 1000);
});

test('the handshake is cleaned like every request', async (t) => {
  const upstream = await startWebSocketUpstream(t);
  const yard = await yardOf(t, upstream.port);
  const { socket, hello } = await open(yard, '/x/../chat?room=1', {
    headers: { 'x-switchyard-identity': 'forged', x_forwarded_for: '6.6.6.6' },
  });
  const { url, headers } = JSON.parse(hello) as { url: string; headers: Record<string, string> };
  assert.equal(url, '/chat?room=1');
  assert.equal(headers['x-switchyard-identity'], undefined);
  assert.equal(headers['x_forwarded_for'], undefined);
  assert.equal(headers['x-forwarded-for'], '127.0.0.1');
  assert.match(headers['traceparent']!, /^00-/);
  socket.terminate();
});

test("a service's death does not crash the gateway (http-proxy-middleware #476)", async (t) => {
  const upstream = await startWebSocketUpstream(t);
  const yard = await yardOf(t, upstream.port);
  const { socket } = await open(yard);
  const closed = once(socket, 'close');
  upstream.kill();
  await closed;
  const refused = new WebSocket(`ws://${yard.host}/`);
  const [, response] = (await once(refused, 'unexpected-response')) as [unknown, IncomingMessage];
  assert.equal(response.statusCode, 503);
  refused.on('error', () => {});
  refused.terminate();
  assert.equal((await fetch(`${yard.url}/-/live`)).status, 200);
});

test("a client's death ends the service's side", async (t) => {
  const upstream = await startWebSocketUpstream(t);
  const yard = await yardOf(t, upstream.port);
  const { socket } = await open(yard);
  const [served] = upstream.sockets.clients;
  const closed = once(served!, 'close');
  socket.terminate();
  await closed;
});

test('a service that declines the upgrade is heard', async (t) => {
  const yard = await startYardWith(t, (_request, response) => {
    response.writeHead(426, { 'content-type': 'text/plain' }).end('no sockets here');
  });
  const socket = new WebSocket(`ws://${yard.host}/`);
  socket.on('error', () => {});
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
  assert.equal(response.statusCode, 426);
  const parts = (await response.toArray()) as Buffer[];
  assert.equal(Buffer.concat(parts).toString(), 'no sockets here');
});

test('an event stream that answers an upgrade ends as event streams do', async (t) => {
  const yard = await startYardWith(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
  });
  const socket = new WebSocket(`ws://${yard.host}/`);
  socket.on('error', () => {});
  const [, stream] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
  stream.resume();
  const ended = once(stream, 'end', { signal: AbortSignal.timeout(5_000) });
  await yard.registry.tell({ echo: { routes: ['/'], deployments: {} } });
  await ended;
});

test('a client that leaves what it got instead of a WebSocket takes it along', async (t) => {
  const yard = await startYardWith(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
  });
  const socket = new WebSocket(`ws://${yard.host}/`);
  socket.on('error', () => {});
  const asked = once(yard.upstream.server, 'request');
  const [, stream] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
  const [request] = (await asked) as [IncomingMessage];
  const left = once(request.socket, 'close', { signal: AbortSignal.timeout(5_000) });
  stream.destroy();
  await left;
});

test('an upgrade or CONNECT behind a request that is not answered yet harms nobody', async (t) => {
  const upstream = await startWebSocketUpstream(t);
  const yard = await yardOf(t, upstream.port);
  const get = `GET / HTTP/1.1\r\nHost: ${yard.host}\r\n\r\n`;
  const key = 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
  const upgrade = `GET / HTTP/1.1\r\nHost: ${yard.host}\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n${key}\r\n`;
  const statusesOf = (all: string): string[] =>
    [...all.matchAll(/HTTP\/1\.1 ([0-9]{3}) /g)].map(([, status]) => status!);
  const inTurn = await sendRaw(yard.gateway.port, get + upgrade, (all) => statusesOf(all).length === 2);
  assert.deepEqual(statusesOf(inTurn.all), ['200', '101'], 'the upgrade is read when its turn has come');
  const notPlain = get.replace('\r\n\r\n', '\r\nTE: trailers\r\n\r\n');
  const atOnce = await sendRaw(yard.gateway.port, notPlain + upgrade);
  assert.deepEqual(statusesOf(atOnce.all), ['200', '200'], 'in order, the upgrade as if it had not been asked for');
  const refused = `GET / HTTP/1.1\r\nHost: a b\r\n\r\n`;
  for (const last of [upgrade, `CONNECT ${yard.host} HTTP/1.1\r\nHost: ${yard.host}\r\n\r\n`])
    for (const before of [get, refused, refused + get])
      await sendRaw(yard.gateway.port, before + last, (all) => all.includes(' 101 '));
  const { socket } = await open(yard);
  socket.terminate();
});

test('an upgrade whose body is still on its way is refused, and harms nobody', async (t) => {
  const upstream = await startWebSocketUpstream(t);
  const yard = await yardOf(t, upstream.port);
  const head = `GET / HTTP/1.1\r\nHost: ${yard.host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n`;
  for (const body of ['Content-Length: 30\r\n\r\nabc', 'Transfer-Encoding: chunked\r\n\r\n3\r\n'])
    assert.equal((await sendRaw(yard.gateway.port, head + body)).status, 400);
  const { socket } = await open(yard);
  socket.terminate();
});

test('when its instance leaves, the client is told to come back (1012)', async (t) => {
  const upstream = await startWebSocketUpstream(t);
  const next = await startWebSocketUpstream(t);
  const yard = await yardOf(t, upstream.port);
  const { socket } = await open(yard);
  const closed = once(socket, 'close');
  await yard.registry.tell({ echo: { routes: ['/'], deployments: { 'echo-2': [{ id: 'b', port: next.port }] } } });
  const [code] = (await closed) as [number];
  assert.equal(code, 1012);
  const again = await open(yard);
  again.socket.terminate();
});

test('when the gateway stops, its WebSockets are told so (1012)', async (t) => {
  const upstream = await startWebSocketUpstream(t);
  const yard = await yardOf(t, upstream.port);
  const { socket } = await open(yard);
  const closed = once(socket, 'close');
  await yard.gateway.stop();
  const [code] = (await closed) as [number];
  assert.equal(code, 1012);
});

test('an upgrade to anything but websocket is answered as if it had not been asked for', async (t) => {
  const yard = await startYardWith(t, (request, response) => {
    response.end(`upgrade: ${request.headers.upgrade ?? 'none'}`);
  });
  const answer = await sendRaw(
    yard.gateway.port,
    'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n',
  );
  assert.equal(answer.status, 200);
  assert.match(answer.text, /upgrade: none/);
});
