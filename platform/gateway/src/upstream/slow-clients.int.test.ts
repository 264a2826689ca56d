/** Clients that send or take too slowly, with real sockets. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { startYardWith } from '../testing/test-yard.ts';

interface InFlight {
  readonly deployments: Readonly<Record<string, number>>;
}

const HASTY = { GATEWAY_SETTINGS: '{"clients":{"minBytesPerSecond":100000,"graceMs":300,"pauseMs":500}}' };

for (const [what, head] of [
  ['a length', 'Content-Length: 100000'],
  ['chunks', 'Transfer-Encoding: chunked'],
] as const)
  test(`a client that sends a body with ${what} too slowly gets 408, and its service is rid of it`, async (t) => {
    const begun = Promise.withResolvers<void>();
    const yard = await startYardWith(
      t,
      (request) => {
        request.resume();
        request.on('error', () => begun.resolve());
        request.once('close', () => begun.resolve());
      },
      HASTY,
    );
    const socket = connect(yard.gateway.port, '127.0.0.1');
    t.after(() => socket.destroy());
    socket.write(`POST / HTTP/1.1\r\nHost: ${yard.host}\r\n${head}\r\n\r\n1\r\na\r\n`);
    const [answer] = (await once(socket, 'data', { signal: AbortSignal.timeout(10_000) })) as [Buffer];
    assert.match(answer.toString(), /^HTTP\/1\.1 408 [^]*GATEWAY_REQUEST_TIMEOUT/);
    await begun.promise;
  });

test('a client that does not take its answer is cut off', async (t) => {
  const yard = await startYardWith(
    t,
    (_request, response) => {
      const piece = Buffer.alloc(65_536);
      const more = (): void => {
        while (response.write(piece)) if (response.destroyed) return;
      };
      response.on('drain', more);
      more();
    },
    HASTY,
  );
  const socket = connect(yard.gateway.port, '127.0.0.1');
  t.after(() => socket.destroy());
  socket.pause();
  socket.write(`GET / HTTP/1.1\r\nHost: ${yard.host}\r\n\r\n`);
  const inFlight = async (): Promise<number> =>
    ((await (await fetch(`${yard.adminUrl}/in-flight`)).json()) as InFlight).deployments['echo-1'] ?? 0;
  const deadlineMs = performance.now() + 10_000;
  let seen = 0;
  while (seen === 0 || (await inFlight()) > 0) {
    seen = Math.max(seen, await inFlight());
    assert.ok(performance.now() < deadlineMs, 'it is never cut off');
  }
  assert.equal(seen, 1);
});

test('a slow service is nothing that its client is blamed for', async (t) => {
  const yard = await startYardWith(
    t,
    (request, response) => {
      request.once('end', () => setTimeout(() => response.end('ok'), 800));
      request.resume();
    },
    HASTY,
  );
  const answered = await fetch(yard.url, { method: 'POST', body: 'x' });
  assert.equal(answered.status, 200);
});

test('clients that send slowly, and open streams, leave room for others at an instance', async (t) => {
  const yard = await startYardWith(
    t,
    (request, response) => {
      request.on('error', () => {});
      if (request.url === '/stream')
        return void response.writeHead(200, { 'content-type': 'text/event-stream' }).write(':\n\n');
      request.resume().once('end', () => response.end('ok'));
    },
    { GATEWAY_SETTINGS: '{"inFlight":{"perInstance":2}}' },
  );
  const leaving = new AbortController();
  t.after(() => leaving.abort());
  for (let nth = 0; nth < 3; nth += 1)
    assert.equal((await fetch(`${yard.url}/stream`, { signal: leaving.signal })).status, 200);
  for (let nth = 0; nth < 2; nth += 1) {
    const socket = connect(yard.gateway.port, '127.0.0.1');
    t.after(() => socket.destroy());
    socket.write(`POST / HTTP/1.1\r\nHost: ${yard.host}\r\nContent-Length: 1000\r\n\r\na`);
  }
  // They count until they are seen to be slow, a tenth of a second later.
  const deadlineMs = performance.now() + 10_000;
  let others = 0;
  while (others < 20) {
    const { status } = await fetch(yard.url);
    others = status === 200 ? others + 1 : 0;
    assert.ok(performance.now() < deadlineMs, 'others are shut out');
  }
});
