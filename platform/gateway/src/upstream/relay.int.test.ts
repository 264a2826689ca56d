/** Requests and answers stream through, whole or visibly broken; what is safe to repeat is repeated once. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import type { IncomingMessage, RequestListener } from 'node:http';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { hasAnswer, sendRaw } from '../testing/raw-client.ts';
import { startTestYard, startUpstream, startYardWith } from '../testing/test-yard.ts';

/** Accepts connections and lets `onRequest` do what it likes to the socket after each head. */
async function startRawUpstream(
  context: TestContext,
  onRequest: (socket: Socket, nth: number, head: string) => void,
): Promise<number> {
  let nth = 0;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.setEncoding('latin1');
    let received = '';
    socket.on('data', (chunk: string) => {
      received += chunk;
      while (received.includes('\r\n\r\n')) {
        const head = received.slice(0, received.indexOf('\r\n\r\n'));
        received = received.slice(head.length + 4);
        nth += 1;
        onRequest(socket, nth, head);
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const yardOf = (
  context: TestContext,
  ports: Readonly<Record<string, number>>,
  route: Readonly<Record<string, unknown>> = {},
) =>
  startTestYard(context, {
    echo: {
      routes: [{ path: '/', ...route }],
      deployments: { 'echo-1': Object.entries(ports).map(([id, port]) => ({ id, port })) },
    },
  });

const echo: RequestListener = (request, response) => {
  response.setHeader('x-length', request.headers['content-length'] ?? '');
  response.setHeader('x-coding', request.headers['transfer-encoding'] ?? '');
  request.pipe(response);
};

test('a body with a length arrives with one length, a chunked one as one chunked coding', async (t) => {
  const yard = await startYardWith(t, echo);
  const fixed = await fetch(yard.url, { method: 'POST', body: 'hello' });
  assert.equal(await fixed.text(), 'hello');
  assert.equal(fixed.headers.get('x-length'), '5');
  assert.equal(fixed.headers.get('x-coding'), '');
  const chunked = await sendRaw(
    yard.gateway.port,
    'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nX-Trailer: 1\r\n\r\n',
  );
  assert.equal(chunked.headers.get('x-coding'), 'chunked');
  assert.equal(chunked.headers.get('x-length'), '');
  assert.match(chunked.text, /^5\r\nhello\r\n0\r\n\r\n$|^3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n$/);
});

test('a POST arrives although the own interface parses bodies (http-proxy-middleware #171)', async (t) => {
  const yard = await startYardWith(t, echo);
  const answer = await fetch(`${yard.url}/api/sessionless`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"a":1}',
  });
  assert.equal(await answer.text(), '{"a":1}');
});

test('bodies stream: the service has the first bytes before the client has sent the last', async (t) => {
  const yard = await startYardWith(t, (request, response) => {
    request.once('data', (first: Buffer) => response.write(`got ${first.toString()}`));
    request.on('end', () => response.end(', the end'));
  });
  const request = httpRequest(yard.url, { method: 'POST', headers: { 'transfer-encoding': 'chunked' } });
  request.write('first');
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const [chunk] = (await once(response, 'data')) as [Buffer];
  assert.equal(chunk.toString(), 'got first');
  request.end('last');
  const rest = await response.toArray();
  assert.equal(Buffer.concat(rest as Buffer[]).toString(), ', the end');
});

test('large bodies pass whole in both directions with little memory', async (t) => {
  const yard = await startYardWith(t, echo);
  const size = 64 * 1_048_576;
  const chunk = Buffer.alloc(65_536, 'x');
  const request = httpRequest(yard.url, { method: 'POST', headers: { 'content-length': String(size) } });
  const before = process.memoryUsage().rss;
  let peak = before;
  let received = 0;
  const answered = once(request, 'response').then(async (heard: unknown[]) => {
    const response = heard[0] as IncomingMessage;
    for await (const part of response as AsyncIterable<Buffer>) {
      received += part.length;
      peak = Math.max(peak, process.memoryUsage().rss);
    }
  });
  for (let sent = 0; sent < size; sent += chunk.length) if (!request.write(chunk)) await once(request, 'drain');
  request.end();
  await answered;
  assert.equal(received, size);
  assert.ok(peak - before < 200 * 1_048_576, `grew by ${Math.round((peak - before) / 1_048_576)} MiB`);
});

test('a slow reader slows the service down instead of filling memory', async (t) => {
  let written = 0;
  const isStuck = Promise.withResolvers<void>();
  const yard = await startYardWith(t, (_request, response) => {
    const chunk = Buffer.alloc(65_536);
    const write = (): void => {
      while (written < 512 * 1_048_576) {
        written += chunk.length;
        if (response.write(chunk)) continue;
        const stuck = setTimeout(() => isStuck.resolve(), 500);
        response.once('drain', () => {
          clearTimeout(stuck);
          write();
        });
        return;
      }
    };
    write();
  });
  const request = httpRequest(yard.url).end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.pause();
  await isStuck.promise;
  assert.ok(written < 64 * 1_048_576, `${written} bytes were taken from the service`);
  request.destroy();
});

test('HEAD, 204 and 304 have no body and keep their connection', async (t) => {
  const yard = await startYardWith(t, (request, response) => {
    if (request.url === '/204') response.writeHead(204, { 'content-length': '0' }).end();
    else if (request.url === '/304') response.writeHead(304, { etag: '"x"' }).end();
    else response.writeHead(200, { 'content-length': '5' }).end(request.method === 'HEAD' ? undefined : 'hello');
  });
  const one = (line: string): string => `${line} HTTP/1.1\r\nHost: a\r\n\r\n`;
  const answer = await sendRaw(
    yard.gateway.port,
    `${one('HEAD /')}${one('GET /204')}${one('GET /304')}GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
  );
  assert.deepEqual(answer.all.match(/HTTP\/1\.1 \d+/g), [
    'HTTP/1.1 200',
    'HTTP/1.1 204',
    'HTTP/1.1 304',
    'HTTP/1.1 200',
  ]);
  assert.equal(answer.all.match(/hello/g)?.length, 1);
});

test('Expect: 100-continue is answered here, and not when the request is refused', async (t) => {
  const yard = await startYardWith(t, echo, {}, { bodyLimitBytes: 10 });
  const asked = (length: number): string =>
    `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n`;
  const fine = await sendRaw(yard.gateway.port, `${asked(5)}hello`);
  assert.match(fine.all, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK/);
  assert.match(fine.all, /hello/);
  const tooLong = await sendRaw(yard.gateway.port, asked(11));
  assert.equal(tooLong.status, 413);
});

test('a body beyond the limit of its route is 413, declared or not', async (t) => {
  let wasWhole = false;
  const yard = await startYardWith(
    t,
    (request, response) => {
      request.resume();
      request.on('end', () => {
        wasWhole = true;
        response.end();
      });
    },
    {},
    { bodyLimitBytes: 1_000 },
  );
  const declared = await fetch(yard.url, { method: 'POST', body: 'x'.repeat(1_001) });
  assert.equal(declared.status, 413);
  assert.equal(((await declared.json()) as { code: string }).code, 'GATEWAY_BODY_TOO_LARGE');
  const part = `1f4\r\n${'x'.repeat(500)}\r\n`;
  const streamed = await sendRaw(
    yard.gateway.port,
    `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${part.repeat(3)}0\r\n\r\n`,
    hasAnswer,
  );
  assert.equal(streamed.status, 413);
  assert.equal(wasWhole, false);
  assert.equal((await fetch(yard.url, { method: 'POST', body: 'x'.repeat(1_000) })).status, 200);
});

test('a client that goes away takes its request to the service with it', async (t) => {
  const arrived = Promise.withResolvers<void>();
  const wasAborted = Promise.withResolvers<void>();
  const yard = await startYardWith(t, (_request, response) => {
    response.on('close', () => wasAborted.resolve());
    arrived.resolve();
  });
  const request = httpRequest(yard.url)
    .on('error', () => {})
    .end();
  await arrived.promise;
  request.destroy();
  await wasAborted.promise;
});

test('answers that wait behind another one are given up too when their client goes', async (t) => {
  let arrived = 0;
  let aborted = 0;
  const allArrived = Promise.withResolvers<void>();
  const allAborted = Promise.withResolvers<void>();
  const yard = await startYardWith(t, (_request, response) => {
    if (++arrived === 3) allArrived.resolve();
    response.on('close', () => ++aborted === 3 && allAborted.resolve());
  });
  const socket = connect(yard.gateway.port, '127.0.0.1');
  // The fast lane takes one at a time; node:http, which these are for, all of them.
  socket.write('GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n'.repeat(3));
  await allArrived.promise;
  socket.destroy();
  await allAborted.promise;
  const inFlight = (await (await fetch(`${yard.adminUrl}/in-flight`)).json()) as { deployments: unknown };
  assert.deepEqual(inFlight.deployments, { 'echo-1': 0 });
});

test('a service that dies while a body is sent to it is a 502, and nothing more', async (t) => {
  const port = await startRawUpstream(t, (socket) => socket.resetAndDestroy());
  const yard = await yardOf(t, { a: port });
  for (let nth = 0; nth < 5; nth += 1) {
    const answer = await fetch(yard.url, { method: 'POST', body: Buffer.alloc(2_000_000) });
    assert.equal(answer.status, 502);
  }
  assert.equal((await fetch(`${yard.url}/-/live`)).status, 200);
});

test('an answer that the service breaks off is never a short one that looks whole', async (t) => {
  for (const head of ['Content-Length: 100\r\n', 'Transfer-Encoding: chunked\r\n'])
    await t.test(head.trim(), async (t) => {
      const body = head.startsWith('C') ? 'part' : '4\r\npart\r\n';
      const port = await startRawUpstream(t, (socket) => {
        socket.write(`HTTP/1.1 200 OK\r\n${head}\r\n${body}`, () => socket.destroy());
      });
      const yard = await yardOf(t, { a: port });
      await assert.rejects(fetch(yard.url).then((answer) => answer.text()));
      const old = await sendRaw(yard.gateway.port, 'GET / HTTP/1.0\r\n\r\n');
      assert.ok(!old.all.endsWith('\r\n0\r\n\r\n'));
    });
});

test('a GET whose reused connection is reset before any answer is sent once more', async (t) => {
  const paths: string[] = [];
  const port = await startRawUpstream(t, (socket, nth, head) => {
    paths.push(head.split(' ')[1]!);
    if (nth === 2) socket.resetAndDestroy();
    else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  });
  const yard = await yardOf(t, { a: port });
  assert.equal((await fetch(`${yard.url}/1`)).status, 200);
  assert.equal((await fetch(`${yard.url}/2`)).status, 200);
  assert.deepEqual(paths, ['/1', '/2', '/2']);
});

test('a POST that may have been done is never sent twice', async (t) => {
  let posts = 0;
  const port = await startRawUpstream(t, (socket) => {
    posts += 1;
    socket.resetAndDestroy();
  });
  const yard = await yardOf(t, { a: port, b: port });
  const answer = await fetch(yard.url, { method: 'POST' });
  assert.equal(answer.status, 502);
  assert.equal(((await answer.json()) as { code: string }).code, 'GATEWAY_UPSTREAM_BROKE');
  assert.equal(posts, 1);
});

test('a GET is tried once more and no oftener', async (t) => {
  let gets = 0;
  const port = await startRawUpstream(t, (socket) => {
    gets += 1;
    socket.resetAndDestroy();
  });
  const yard = await yardOf(t, { a: port, b: port, c: port });
  assert.equal((await fetch(yard.url)).status, 502);
  assert.equal(gets, 2);
});

test('a GET is not repeated when a byte of the answer had come', async (t) => {
  let gets = 0;
  const port = await startRawUpstream(t, (socket) => {
    gets += 1;
    socket.write('HTTP/1.1 200 OK\r\nContent-', () => socket.destroy());
  });
  const yard = await yardOf(t, { a: port, b: port });
  assert.equal((await fetch(yard.url)).status, 502);
  assert.equal(gets, 1);
});

test('what could not be sent at all goes to another instance, a POST with its body too', async (t) => {
  const dead = await startUpstream(t, echo);
  await dead.stop();
  const alive = await startUpstream(t, echo);
  const yard = await yardOf(t, { dead: dead.port, alive: alive.port });
  for (let nth = 0; nth < 10; nth += 1) {
    const answer = await fetch(yard.url, { method: 'POST', body: `body ${nth}` });
    assert.equal(await answer.text(), `body ${nth}`);
  }
});

test('a service that cannot be reached is 503 with Retry-After', async (t) => {
  const dead = await startUpstream(t, echo);
  await dead.stop();
  const yard = await yardOf(t, { dead: dead.port });
  const answer = await fetch(yard.url);
  assert.equal(answer.status, 503);
  assert.equal(answer.headers.get('retry-after'), '1');
  const problem = (await answer.json()) as { code: string; requestId: string };
  assert.equal(problem.code, 'GATEWAY_UPSTREAM_UNREACHABLE');
  assert.equal(problem.requestId, answer.headers.get('x-request-id'));
});

test('a service that does not answer in time is 504, and its connection is given up', async (t) => {
  const wasAborted = Promise.withResolvers<void>();
  const upstream = await startUpstream(t, (_request, response) => {
    response.on('close', () => wasAborted.resolve());
  });
  const yard = await yardOf(t, { a: upstream.port }, { timeoutMs: 50 });
  const answer = await fetch(yard.url, { method: 'POST', body: 'x' });
  assert.equal(answer.status, 504);
  assert.equal(((await answer.json()) as { code: string }).code, 'GATEWAY_UPSTREAM_TIMEOUT');
  await wasAborted.promise;
});

test('an answer that is not HTTP is 502', async (t) => {
  const port = await startRawUpstream(t, (socket) => socket.end('SSH-2.0-OpenSSH_9.7\r\n\r\n'));
  const yard = await yardOf(t, { a: port });
  assert.equal((await fetch(yard.url)).status, 502);
});

test('a service may answer before it has read the body', async (t) => {
  const yard = await startYardWith(t, (_request, response) => {
    response.writeHead(401, { 'content-length': '2' }).end('no');
  });
  const answer = await sendRaw(
    yard.gateway.port,
    `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n${'x'.repeat(1_000)}`,
    hasAnswer,
  );
  assert.equal(answer.status, 401);
  assert.equal(answer.text, 'no');
});

test('redirects are handed on, not followed', async (t) => {
  const yard = await startYardWith(t, (_request, response) => {
    response.writeHead(302, { location: 'http://169.254.169.254/' }).end();
  });
  const answer = await fetch(yard.url, { redirect: 'manual' });
  assert.equal(answer.status, 302);
  assert.equal(answer.headers.get('location'), 'http://169.254.169.254/');
});

test('trailers pass to who asks for them', async (t) => {
  const yard = await startYardWith(t, (_request, response) => {
    response.writeHead(200, { trailer: 'x-checksum' });
    response.write('body');
    response.addTrailers({ 'x-checksum': 'abc' });
    response.end();
  });
  const asked = await sendRaw(
    yard.gateway.port,
    'GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: close\r\n\r\n',
  );
  assert.match(asked.all, /0\r\nx-checksum: abc\r\n\r\n$/i);
  const unasked = await sendRaw(yard.gateway.port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  assert.match(unasked.all, /0\r\n\r\n$/);
});

test('event streams pass as they come and end cleanly when their instance leaves', async (t) => {
  const upstream = await startUpstream(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: 1\n\n');
  });
  const yard = await yardOf(t, { a: upstream.port });
  const request = httpRequest(yard.url).end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const [first] = (await once(response, 'data')) as [Buffer];
  assert.equal(first.toString(), 'data: 1\n\n');
  const next = await startUpstream(t, echo);
  const ended = once(response, 'end');
  response.resume();
  await yard.registry.tell({ echo: { routes: ['/'], deployments: { 'echo-1': [{ id: 'b', port: next.port }] } } });
  await ended;
  assert.equal(response.complete, true);
});
