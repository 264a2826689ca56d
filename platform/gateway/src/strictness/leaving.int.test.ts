/** Whoever leaves is noticed, on both sides, and nothing is sent to who has left. */
import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { sendRaw } from '../testing/raw-client.ts';
import { startTestYard } from '../testing/test-yard.ts';
import type { TestYard } from '../testing/test-yard.ts';
import { ConnectionPool } from '../upstream/connection-pool.ts';
import type { AnswerHandler, UpstreamConnection } from '../upstream/connection.ts';
import { allowedLookup } from '../routing/instance.ts';
import { readAnswers } from './answer-stream.ts';
import { startRecordingUpstream } from './recording-upstream.ts';

const GIVE_UP_MS = 5_000;
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const EVENTS = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n';

async function untilNothingIsInFlight({ adminUrl }: TestYard): Promise<void> {
  const untilMs = performance.now() + GIVE_UP_MS;
  for (;;) {
    const seen = (await (await fetch(`${adminUrl}/in-flight`)).json()) as { deployments: object; streams: number };
    if (Object.values(seen.deployments).every((count) => count === 0) && seen.streams === 0) return;
    if (performance.now() > untilMs) assert.fail(`still in flight: ${JSON.stringify(seen)}`);
    await pause(20);
  }
}

const get = (target: string): string => `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`;

for (const [what, requests] of [
  ['was sent together with others', [get('/1'), get('/2'), get('/events')]],
  ['is followed by another request', [get('/events'), get('/3')]],
  ['is followed by a part of a request', [get('/events'), 'GET /3']],
  ['is followed by a body', [get('/events'), `POST /4 HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhel`]],
] as const)
  test(`a client that leaves a silent stream is noticed when its request ${what}`, async (t) => {
    const upstream = await startRecordingUpstream(t, ({ target }) => (target === '/events' ? EVENTS : OK));
    const yard = await startTestYard(t, {
      echo: { routes: ['/'], deployments: { 'echo-1': [{ id: 'a', port: upstream.port }] } },
    });
    const client = connect({ host: '127.0.0.1', port: yard.gateway.port });
    client.setEncoding('latin1');
    let all = '';
    const streams = new Promise<void>((resolve) => {
      client.on('data', (text: string) => {
        all += text;
        if (all.includes('data: 1')) resolve();
      });
    });
    client.write(requests.join(''));
    await streams;
    client.destroy();
    await untilNothingIsInFlight(yard);
  });

/** A handler that sends `text`, and resolves with what has come of it. */
function asking(text: string, body: Buffer | null = null): AnswerHandler & { readonly done: Promise<string> } {
  const { promise: done, resolve } = Promise.withResolvers<string>();
  let connection: UpstreamConnection;
  return {
    done,
    hasAnswer: false,
    onTaken: (taken) => void (connection = taken),
    onReady: () => {
      if (body === null) return connection.send({ text, isHeadRequest: false });
      connection.begin({ text, isHeadRequest: false }, false);
      connection.write(body);
      connection.finish();
    },
    onHead: () => {},
    onData: () => {},
    onPause: () => {},
    onDrain: () => {},
    onEnd: () => resolve('whole'),
    onBroken: (error) => resolve(error.message),
  };
}

async function startPool(context: TestContext, serve: (socket: Socket) => void): Promise<ConnectionPool> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    serve(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const pool = new ConnectionPool({
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    lookup: allowedLookup,
  });
  context.after(() => {
    pool.destroy();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return pool;
}

test('nothing is sent on a connection whose service has just closed it', async (t) => {
  const open: Socket[] = [];
  const pool = await startPool(t, (socket) => {
    open.push(socket);
    socket.on('data', () => socket.write(OK));
  });
  const ours: Socket[] = [];
  const see = (message: unknown): void => void ours.push((message as { socket: Socket }).socket);
  subscribe('net.client.socket', see);
  t.after(() => unsubscribe('net.client.socket', see));
  const first = asking('GET / HTTP/1.1\r\n\r\n');
  pool.take(first, true);
  assert.equal(await first.done, 'whole');
  // In the same turn in which its end is read, before it has closed on this side.
  const second = asking('POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n');
  const [socket] = ours as [Socket];
  socket.once('end', () => pool.take(second, false));
  open[0]!.end();
  assert.equal(await second.done, 'whole');
  assert.equal(open.length, 2);
});

test('a connection whose service answered without taking the whole body is not used again', async (t) => {
  let connections = 0;
  const pool = await startPool(t, (socket) => {
    connections += 1;
    socket.once('data', () => {
      socket.pause();
      socket.write(OK);
    });
  });
  const body = Buffer.alloc(32_000_000);
  const first = asking(`POST / HTTP/1.1\r\nContent-Length: ${body.length}\r\n\r\n`, body);
  pool.take(first, false);
  assert.equal(await first.done, 'whole');
  const second = asking('GET / HTTP/1.1\r\n\r\n');
  pool.take(second, true);
  assert.equal(await second.done, 'whole');
  assert.equal(connections, 2);
});

const LONG = 'x'.repeat(60_000);

/** Answers `/slow` a moment after what is behind it, and breaks off its answer to `/broken`. */
async function startBehindSlow(context: TestContext) {
  let slow: Socket | null = null;
  const behind = Promise.withResolvers<void>();
  const upstream = await startRecordingUpstream(context, ({ target }, socket) => {
    if (target === '/slow') {
      slow = socket;
      return null;
    }
    if (target === '/broken') {
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal');
      socket.once('close', () => behind.resolve());
      return null;
    }
    setTimeout(() => behind.resolve(), 50);
    return `HTTP/1.1 200 OK\r\nContent-Length: ${LONG.length}\r\n\r\n${LONG}`;
  });
  const yard = await startTestYard(context, {
    echo: { routes: ['/'], deployments: { 'echo-1': [{ id: 'a', port: upstream.port }] } },
  });
  void behind.promise.then(() => slow?.write(OK));
  return yard.gateway.port;
}

/** It goes to node:http, and what follows it on its connection too. */
const SLOW = 'OPTIONS /slow HTTP/1.1\r\nHost: a\r\n\r\n';

test('an answer that broke off behind another one is cut when its turn comes', async (t) => {
  const port = await startBehindSlow(t);
  const { all, wasClosed } = await sendRaw(port, SLOW + get('/broken'));
  assert.ok(wasClosed);
  assert.equal(all.match(/^HTTP\/1\.1 200 OK/gm)?.length, 1, all);
});

test('100 Continue comes before the head of its answer, or not at all, behind another answer', async (t) => {
  const port = await startBehindSlow(t);
  const expecting =
    'POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi';
  const { all } = await sendRaw(port, SLOW + expecting);
  const { answers, fault, rest } = readAnswers(all, ['OPTIONS', 'POST']);
  assert.deepEqual([answers.map(({ body }) => body), fault, rest], [['ok', LONG], null, ''], all.slice(0, 1_000));
});
