/** What a handover means to those who are connected, and that a candidate which comes to nothing changes nothing. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, readFile, writeFile } from 'node:fs/promises';
import { Agent, get } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { WebSocket, WebSocketServer } from 'ws';
import { isRunning, stageOf, startNext, takeOver, untilGone, untilStage } from '../testing/gateway-process.ts';
import { ask, startHandoverYard } from '../testing/test-handover.ts';
import { descriptorOf } from './inherited-sockets.ts';

const main = fileURLToPath(new URL('../main.js', import.meta.url));

test('who waits does not accept, and one that is stopped before it was told leaves the door as it was', async (t) => {
  const yard = await startHandoverYard(t, (_request, response) => response.end('ok'));
  const next = await yard.next(yard.first);
  assert.equal(await stageOf(yard.first), 'accepting');
  assert.equal(await stageOf(next), 'waiting');
  await assert.rejects(access(yard.first.launchFile));
  process.kill(next.pid, 'SIGTERM');
  await untilGone(next);
  const agent = new Agent();
  for (let nth = 0; nth < 50; nth += 1) assert.equal(await ask(agent, yard.first.port, '/'), '200 ok');
  const another = await yard.next(yard.first);
  await takeOver(another);
  assert.equal(await stageOf(yard.first), 'accepting');
});

test('one that dies after it took over leaves the door to the one before', async (t) => {
  const yard = await startHandoverYard(t, (_request, response) => response.end('ok'));
  const next = await yard.next(yard.first);
  await takeOver(next);
  process.kill(next.pid, 'SIGKILL');
  await untilGone(next);
  const agent = new Agent();
  for (let nth = 0; nth < 50; nth += 1) assert.equal(await ask(agent, yard.first.port, '/'), '200 ok');
});

test('SIGUSR2 without a launch file, or with one that is none, changes nothing', async (t) => {
  const yard = await startHandoverYard(t, (_request, response) => response.end('ok'));
  process.kill(yard.first.pid, 'SIGUSR2');
  await writeFile(yard.first.launchFile, '{"argv":["/bin/true"],"secret":"x"}');
  process.kill(yard.first.pid, 'SIGUSR2');
  const next = await yard.next(yard.first);
  assert.equal(await stageOf(next), 'waiting');
  assert.equal(await ask(new Agent(), yard.first.port, '/'), '200 ok');
});

test('without a registry there is no successor', async (t) => {
  const yard = await startHandoverYard(t, (_request, response) => response.end('ok'));
  await yard.registry.stop();
  await assert.rejects(startNext(yard, yard.first, 'gateway-1'), /no table from the registry/);
  assert.equal(await ask(new Agent(), yard.first.port, '/'), '200 ok');
});

test('a handover is told to who is connected by the means of its protocol', async (t) => {
  const release = Promise.withResolvers<void>();
  const arrived = Promise.withResolvers<void>();
  const yard = await startHandoverYard(t, (asked, response) => {
    if (asked.url === '/events') {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
    } else if (asked.url === '/slow') {
      arrived.resolve();
      void release.promise.then(() => response.end('slow'));
    } else response.end('ok');
  });
  const sockets = new WebSocketServer({ server: yard.upstream.server });
  t.after(() => sockets.close());
  const { port } = yard.first;
  const socket = new WebSocket(`ws://127.0.0.1:${port}/socket`);
  await once(socket, 'open');
  const closed = once(socket, 'close');
  const [events] = (await once(get({ port, path: '/events', agent: new Agent() }), 'response')) as [IncomingMessage];
  const eventsEnd = events.toArray();
  const idle = connect(port, '127.0.0.1');
  idle.setEncoding('latin1').write('GET /first HTTP/1.1\r\nHost: a\r\n\r\n');
  assert.match(((await once(idle, 'data')) as [string])[0], /^HTTP\/1.1 200/);
  const used = connect(port, '127.0.0.1');
  used.setEncoding('latin1').write('GET /first HTTP/1.1\r\nHost: a\r\n\r\n');
  assert.doesNotMatch(((await once(used, 'data')) as [string])[0], /connection: close/i);
  const slow = ask(new Agent({ keepAlive: true }), port, '/slow');
  await arrived.promise;

  const next = await yard.next(yard.first);
  await takeOver(next);
  process.kill(yard.first.pid, 'SIGTERM');
  await untilStage(yard.first, 'leaving');
  assert.equal(((await closed) as [number])[0], 1012);
  assert.equal(Buffer.concat((await eventsEnd) as Buffer[]).toString(), 'data: 1\n\n');
  used.write('GET /second HTTP/1.1\r\nHost: a\r\n\r\n');
  const [answer] = (await once(used, 'data')) as [string];
  assert.match(answer, /^HTTP\/1.1 200/);
  assert.match(answer, /connection: close/i);
  const [isBroken] = (await once(used, 'close')) as [boolean];
  assert.equal(isBroken, false);
  // Quiet since it left: ended by FIN, not by a reset.
  await once(idle, 'end');
  assert.equal(isRunning(yard.first), true);
  release.resolve();
  assert.equal(await slow, '200 slow');
  await untilGone(yard.first);
  assert.match(await readFile(yard.first.logFile, 'utf8'), /"message":"stopped"/);
});

test('keys and readiness are those of the one before', async (t) => {
  const yard = await startHandoverYard(t, (_request, response) => response.end('ok'));
  const keys = async (): Promise<unknown> =>
    (
      await fetch(`http://127.0.0.1:${yard.first.port}/.well-known/jwks.json`, { headers: { connection: 'close' } })
    ).json();
  const before = await keys();
  // A service that has lost all its instances since: the yard has been ready all the same.
  await yard.registry.tell({ echo: { routes: ['/'], live: 'echo-1', deployments: { 'echo-1': [] } } });
  const next = await yard.next(yard.first);
  await takeOver(next);
  process.kill(yard.first.pid, 'SIGTERM');
  await untilGone(yard.first);
  assert.deepEqual(await keys(), before);
  assert.equal((await fetch(`http://127.0.0.1:${yard.first.port}/-/ready`)).status, 200);
});

test('sockets from a service manager are accepted on at once', async (t) => {
  const yard = await startHandoverYard(t, (_request, response) => response.end('ok'));
  const held = createServer();
  held.listen(0, '127.0.0.1');
  await once(held, 'listening');
  const { port } = held.address() as AddressInfo;
  const child = spawn('/bin/sh', ['-c', 'LISTEN_PID=$$ exec "$0" "$@"', process.execPath, main], {
    env: {
      ADMIN_PORT: '0',
      INSTANCE_ID: 'activated',
      SERVICE_TOKEN: 't',
      REGISTRY_URL: yard.registryUrl,
      KEYS_DIR: `${yard.folder}/keys`,
      LISTEN_FDS: '1',
      LISTEN_FDNAMES: 'gateway.socket',
    },
    stdio: ['ignore', 'pipe', 'inherit', descriptorOf(held)!],
  });
  t.after(() => child.kill('SIGKILL'));
  held.close();
  assert.equal(await ask(new Agent(), port, '/'), '200 ok');
  child.kill('SIGTERM');
  assert.deepEqual(await once(child, 'exit'), [0, null]);
});
