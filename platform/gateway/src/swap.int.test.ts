/** What the gateway does when what is live changes: who goes where, what ends, what is counted and said. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, request as httpRequest } from 'node:http';
import type { IncomingMessage, RequestListener } from 'node:http';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { REFRESH_COOKIE } from './sessions/session-cookies.ts';
import type { ToldService } from './testing/test-registry.ts';
import { startTestYard, startUpstream } from './testing/test-yard.ts';

/** Two deployments of `echo`. */
const toldOf =
  (ports: readonly [number, number], routes: readonly unknown[] = ['/']) =>
  (live: 'echo-1' | 'echo-2', more: Partial<ToldService> = {}) => ({
    echo: {
      routes,
      live,
      standby: live === 'echo-1' ? 'echo-2' : 'echo-1',
      deployments: { 'echo-1': [{ id: 'a', port: ports[0] }], 'echo-2': [{ id: 'b', port: ports[1] }] },
      ...more,
    },
  });

/** Says its name; an event stream at /events, a WebSocket anywhere. */
async function startStreaming(context: TestContext, name: string): Promise<number> {
  const upstream = await startUpstream(context, (request, response) => {
    if (request.url !== '/events') return void response.end(name);
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(`data: ${name}\n\n`);
  });
  const sockets = new WebSocketServer({ server: upstream.server });
  sockets.on('connection', (socket) => {
    socket.on('error', () => {});
    socket.send(name);
  });
  return upstream.port;
}

/** Takes connections and resets each as soon as something comes. */
async function startResetting(context: TestContext): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', () => socket.resetAndDestroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

test('a request that is still being authenticated when what is live changes goes to what is live then', async (t) => {
  const asked = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const store = await startUpstream(t, (request, response) => {
    if (request.url !== '/internal/sessions/refresh')
      return void response.end(JSON.stringify({ sessionIds: [], cursor: '0' }));
    asked.resolve();
    void release.promise.then(() => response.writeHead(401).end());
  });
  const old = await startUpstream(t, (_request, response) => response.end('old'));
  const next = await startUpstream(t, (_request, response) => response.end('new'));
  const told = toldOf([old.port, next.port]);
  const users = { routes: ['/users'], deployments: { 'users-1': [{ id: 'u', port: store.port }] } };
  const yard = await startTestYard(t, { users, ...told('echo-1') });
  const waiting = fetch(yard.url, { headers: { cookie: `${REFRESH_COOKIE}=lapsed` } });
  await asked.promise;
  await yard.registry.tell({ users, ...told('echo-2') });
  assert.equal(yard.registry.acknowledgements.at(-1)!.inFlight['echo-1'], 0);
  release.resolve();
  assert.equal(await (await waiting).text(), 'new');
});

test('the end of the last request on what was live is said without delay', async (t) => {
  const arrived = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const old = await startUpstream(t, (_request, response) => {
    arrived.resolve();
    void release.promise.then(() => response.end('old'));
  });
  const next = await startUpstream(t, (_request, response) => response.end('new'));
  const told = toldOf([old.port, next.port]);
  const yard = await startTestYard(t, told('echo-1', { standby: null }));
  const slow = fetch(yard.url);
  await arrived.promise;
  await yard.registry.tell(told('echo-2'));
  const from = yard.registry.acknowledgements.length;
  assert.equal(yard.registry.acknowledgements.at(-1)!.inFlight['echo-1'], 1);
  release.resolve();
  assert.equal(await (await slow).text(), 'old');
  const last = await yard.registry.acknowledgement((one) => one.inFlight['echo-1'] === 0, from);
  assert.equal(last.epoch, 2);
  assert.equal(last.traffic['echo-1']!.requests, 1);
});

test('what services answer and do not answer is counted; what clients and the gateway do is not', async (t) => {
  const hangs = Promise.withResolvers<void>();
  const listener: RequestListener = (request, response) => {
    if (request.url === '/breaks')
      return void response.writeHead(200, { 'content-length': 9 }).write('half', () => response.destroy());
    if (request.url === '/hangs') return hangs.resolve();
    if (request.url === '/late') return;
    response.writeHead(Number(request.url!.slice(1))).end();
  };
  const old = await startUpstream(t, listener);
  const routes = ['/', { path: '/private', auth: 'required' }, { path: '/late', timeoutMs: 50 }];
  const yard = await startTestYard(t, toldOf([old.port, old.port], routes)('echo-1'));
  for (const status of [200, 404, 500, 503]) await fetch(`${yard.url}/${status}`);
  await assert.rejects((await fetch(`${yard.url}/breaks`)).text());
  assert.equal((await fetch(`${yard.url}/late`)).status, 504);
  assert.equal((await fetch(`${yard.url}/private`)).status, 401);
  const leaving = new AbortController();
  const left = fetch(`${yard.url}/hangs`, { signal: leaving.signal });
  await hangs.promise;
  leaving.abort();
  await assert.rejects(left);
  const { traffic } = await yard.registry.acknowledgement(
    ({ traffic, inFlight }) => traffic['echo-1']?.requests === 6 && inFlight['echo-1'] === 0,
  );
  assert.equal(traffic['echo-1']!.failed, 4);
  assert.ok(traffic['echo-1']!.latencyMs >= 50);
  assert.deepEqual(traffic['echo-2'], { requests: 0, failed: 0, latencyMs: 0 });
});

test('a client that leaves in the middle of its body is not the fault of the service', async (t) => {
  const arrived = Promise.withResolvers<IncomingMessage>();
  const old = await startUpstream(t, (request, response) => {
    if (request.method === 'POST') return void request.once('data', () => arrived.resolve(request));
    response.end('ok');
  });
  const yard = await startTestYard(t, toldOf([old.port, old.port])('echo-1'));
  const sending = httpRequest(yard.url, { method: 'POST', headers: { 'content-length': 100 } });
  sending.on('error', () => {});
  sending.write('part');
  const request = await arrived.promise;
  const noticed = new Promise((resolve) => request.socket.once('close', resolve));
  sending.destroy();
  await noticed;
  await fetch(yard.url);
  const { traffic } = await yard.registry.acknowledgement(
    (one) => one.traffic['echo-1']?.requests !== 0 && one.inFlight['echo-1'] === 0,
  );
  assert.deepEqual([traffic['echo-1']!.requests, traffic['echo-1']!.failed], [1, 0]);
});

test('what is repeated after the change goes to what is live then', async (t) => {
  const arrived = Promise.withResolvers<IncomingMessage>();
  const old = await startUpstream(t, (request) => arrived.resolve(request));
  const next = await startUpstream(t, (_request, response) => response.end('new'));
  const told = toldOf([old.port, next.port]);
  const yard = await startTestYard(t, told('echo-1'));
  const waiting = fetch(yard.url);
  const request = await arrived.promise;
  await yard.registry.tell(told('echo-2'));
  request.socket.resetAndDestroy();
  assert.equal(await (await waiting).text(), 'new');
  const { traffic } = await yard.registry.acknowledgement((one) => one.traffic['echo-2']?.requests === 1);
  assert.deepEqual([traffic['echo-1']!.requests, traffic['echo-1']!.failed], [1, 1]);
  assert.equal(traffic['echo-2']!.failed, 0);
});

test('what fails on a canary and may be repeated is answered by the live one, and counted where it failed', async (t) => {
  const old = await startUpstream(t, (request, response) => {
    request.resume();
    request.on('end', () => response.end('old'));
  });
  const told = toldOf([old.port, await startResetting(t)]);
  const yard = await startTestYard(t, told('echo-1', { standby: null, split: { 'echo-1': 0, 'echo-2': 100 } }));
  for (let nth = 0; nth < 5; nth += 1) assert.equal(await (await fetch(yard.url)).text(), 'old');
  assert.equal((await fetch(yard.url, { method: 'POST', body: 'x' })).status, 502, 'it may have been done');
  const { traffic } = await yard.registry.acknowledgement((one) => one.traffic['echo-2']?.requests === 6);
  assert.equal(traffic['echo-2']!.failed, 6);
  assert.deepEqual([traffic['echo-1']!.requests, traffic['echo-1']!.failed], [5, 0]);
});

test('what could not be sent to a canary at all goes to the live one, and a canary that is down for good gets no more', async (t) => {
  const old = await startUpstream(t, (request, response) => {
    request.resume();
    request.on('end', () => response.end('old'));
  });
  const dead = await startUpstream(t, () => {});
  await dead.stop();
  const told = toldOf([old.port, dead.port]);
  const yard = await startTestYard(t, told('echo-1', { standby: null, split: { 'echo-1': 0, 'echo-2': 100 } }));
  for (let nth = 0; nth < 30; nth += 1)
    assert.equal(await (await fetch(yard.url, { method: 'POST', body: 'x' })).text(), 'old');
  const { traffic } = await yard.registry.acknowledgement((one) => one.traffic['echo-1']?.requests === 30);
  assert.equal(traffic['echo-2']!.failed, 20, 'then its breaker opens, and no other');
});

test('streams leave for the new deployment although the old one stands by, and back when live goes back', async (t) => {
  const told = toldOf([await startStreaming(t, 'old'), await startStreaming(t, 'new')]);
  const yard = await startTestYard(t, told('echo-1'));
  const open = async () => {
    const socket = new WebSocket(`ws://${yard.host}/`);
    socket.on('error', () => {});
    const [hello] = (await once(socket, 'message')) as [Buffer];
    const request = httpRequest(`${yard.url}/events`).end();
    const [events] = (await once(request, 'response')) as [IncomingMessage];
    const [event] = (await once(events, 'data')) as [Buffer];
    events.resume();
    const ended = Promise.all([once(socket, 'close'), once(events, 'end')]).then(([[code]]) => ({
      code: code as number,
      isWhole: events.complete,
    }));
    return { names: [hello.toString(), event.toString()], ended };
  };
  for (const [here, name, there] of [
    ['echo-1', 'old', 'echo-2'],
    ['echo-2', 'new', 'echo-1'],
    ['echo-1', 'old', 'echo-2'],
  ] as const) {
    const opened = await open();
    assert.deepEqual(opened.names, [name, `data: ${name}\n\n`]);
    const from = yard.registry.acknowledgements.length;
    await yard.registry.tell(told(there));
    assert.deepEqual(await opened.ended, { code: 1012, isWhole: true });
    await yard.registry.acknowledgement((one) => one.inFlight[here] === 0, from);
  }
});

test('streams stay where there is a share, also one of nothing', async (t) => {
  const told = toldOf([await startStreaming(t, 'old'), await startStreaming(t, 'new')]);
  const yard = await startTestYard(t, told('echo-1', { standby: null, split: { 'echo-1': 0, 'echo-2': 100 } }));
  const socket = new WebSocket(`ws://${yard.host}/`);
  const [hello] = (await once(socket, 'message')) as [Buffer];
  assert.equal(hello.toString(), 'new');
  let hasClosed = false;
  socket.on('close', () => (hasClosed = true));
  await yard.registry.tell(told('echo-1', { standby: null, split: { 'echo-1': 100, 'echo-2': 0 } }));
  await yard.registry.tell(told('echo-2', { standby: 'echo-1' }));
  const from = yard.registry.acknowledgements.length;
  await yard.registry.acknowledgement((one) => one.epoch === 3, from);
  assert.equal(hasClosed, false);
  const closed = once(socket, 'close');
  await yard.registry.tell(told('echo-1'));
  assert.equal(((await closed) as [number])[0], 1012);
});

test('an event stream whose head comes after the change ends too', async (t) => {
  const arrived = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const old = await startUpstream(t, (_request, response) => {
    arrived.resolve();
    void release.promise.then(() => response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': hi\n\n'));
  });
  const next = await startUpstream(t, (_request, response) => response.end('new'));
  const told = toldOf([old.port, next.port]);
  const yard = await startTestYard(t, told('echo-1'));
  const stream = fetch(yard.url);
  await arrived.promise;
  await yard.registry.tell(told('echo-2'));
  release.resolve();
  assert.equal(await (await stream).text(), ': hi\n\n');
});

test('connections to an instance that left are closed as they fall idle, and none under a request', async (t) => {
  const release = Promise.withResolvers<void>();
  const bothArrived = Promise.withResolvers<void>();
  const sockets: Socket[] = [];
  let arrived = 0;
  const old = await startUpstream(t, (request, response) => {
    arrived += 1;
    if (arrived === 2) bothArrived.resolve();
    void (request.url === '/slow' ? release : bothArrived).promise.then(() => response.end('old'));
  });
  old.server.on('connection', (socket: Socket) => sockets.push(socket));
  const next = await startUpstream(t, (_request, response) => response.end('new'));
  const told = toldOf([old.port, next.port]);
  const agent = new Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  const yard = await startTestYard(t, told('echo-1'));
  const slow = fetch(`${yard.url}/slow`);
  assert.equal(await (await fetch(`${yard.url}/quick`)).text(), 'old');
  assert.equal(sockets.length, 2);
  const closed = sockets.map((socket) => once(socket, 'close'));
  await yard.registry.tell({
    echo: { routes: ['/'], live: 'echo-2', deployments: { 'echo-2': [{ id: 'b', port: next.port }] } },
  });
  await Promise.race(closed);
  assert.equal(sockets.filter(({ destroyed }) => destroyed).length, 1);
  release.resolve();
  assert.equal(await (await slow).text(), 'old');
  await Promise.all(closed);
});

test('operators see what each deployment is and what came of it, and no counts of one that left', async (t) => {
  const old = await startUpstream(t, (_request, response) => response.end('old'));
  const told = toldOf([old.port, old.port]);
  const yard = await startTestYard(t, told('echo-1', { standby: null, split: { 'echo-1': 90, 'echo-2': 10 } }));
  for (let bucket = 0; bucket < 100; bucket += 1)
    await fetch(yard.url, { headers: { cookie: `switchyard_bucket=${bucket}` } });
  const { deployments } = (await (await fetch(`${yard.adminUrl}/deployments`)).json()) as {
    deployments: Record<string, unknown>[];
  };
  const shown = deployments.map(({ deployment, role, share, requests, failed, inFlight }) => ({
    deployment,
    role,
    share,
    requests,
    failed,
    inFlight,
  }));
  assert.deepEqual(shown, [
    { deployment: 'echo-1', role: 'live', share: 90, requests: 90, failed: 0, inFlight: 0 },
    { deployment: 'echo-2', role: 'canary', share: 10, requests: 10, failed: 0, inFlight: 0 },
  ]);
  const metrics = async (): Promise<string> => (await fetch(`${yard.adminUrl}/metrics`)).text();
  assert.match(await metrics(), /^gateway_share_percent\{service="echo",deployment="echo-2"\} 10$/m);
  await yard.registry.tell({ echo: { routes: ['/'], deployments: { 'echo-1': [{ id: 'a', port: old.port }] } } });
  assert.match(await metrics(), /^gateway_requests_total\{service="echo",deployment="echo-2",status="2xx"\} 10$/m);
  assert.doesNotMatch(await metrics(), /echo-2/);
});
