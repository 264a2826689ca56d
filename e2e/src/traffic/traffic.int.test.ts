/** The load client must see what goes wrong: each kind of loss is made on purpose, and counted to the last one. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { eventually, freePorts } from '../yard-under-test.ts';
import { KeptConnections } from './kept-connections.ts';
import { FaultyDoor } from './faulty-door.ts';
import type { DoorFault } from './faulty-door.ts';
import { writeProbe } from './probe-files.ts';
import { startTraffic } from './traffic.ts';
import type { TrafficOptions, TrafficResult } from './traffic.ts';

let folder: string;
let ports: number[];
const probes: ChildProcess[] = [];

before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'traffic-'));
  ports = await freePorts(3);
  await writeProbe(folder);
  await writeProbe(folder, {}, 'python');
  start([process.execPath, 'probe.mjs'], 'probe-1', ports[0]!);
  start([process.execPath, 'probe.mjs'], 'probe-2', ports[1]!);
  start([process.env['PYTHON'] ?? 'python3', 'probe.py'], 'snake-1', ports[2]!);
  for (const port of ports)
    await eventually('the probe answers', async () => (await fetch(`http://127.0.0.1:${port}/health`)).ok);
});
after(async () => {
  for (const probe of probes) probe.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

function start([command, ...words]: [string, ...string[]], deployment: string, port: number): void {
  const env = { ...process.env, HOST: '127.0.0.1', PORT: String(port), DEPLOYMENT_ID: deployment };
  probes.push(spawn(command, words, { cwd: folder, env, stdio: 'inherit' }));
}

const countsFile = () => path.join(folder, 'counts.log');
const NOTHING_OPEN = { streams: 0, sockets: 0 } as const;

/** Runs to its end, and fails when the client says that nothing was wrong although something was, or the other way round. */
async function throughDoor(
  options: Partial<TrafficOptions>,
  fault: (at: string, n: number) => DoorFault | null,
): Promise<{ result: TrafficResult; door: FaultyDoor }> {
  const door = await FaultyDoor.open({ port: ports[1]!, otherPort: ports[0]!, fault });
  try {
    const traffic = startTraffic({
      origin: door.origin,
      prefix: '/probe',
      ratePerSecond: 400,
      requests: 200,
      connections: 4,
      countsFile: countsFile(),
      ...NOTHING_OPEN,
      ...options,
    });
    await traffic.finished;
    return { result: await traffic.stop(), door };
  } finally {
    door.close();
  }
}

/** One in `every` at this path. */
const oneIn =
  (every: number, what: DoorFault, path: string) =>
  (at: string, n: number): DoorFault | null =>
    at === path && n % every === every - 1 ? what : null;

for (const [index, language] of ['node', 'python'].entries()) {
  test(`without a fault nothing fails, and every kind is answered by a ${language} service`, async () => {
    const deployment = language === 'node' ? 'probe-1' : 'snake-1';
    const traffic = startTraffic({
      origin: `http://127.0.0.1:${ports[index * 2]!}`,
      prefix: '/any/path',
      ratePerSecond: 100,
      requests: 200,
      connections: 4,
      sockets: language === 'node' ? 4 : 0,
    });
    await traffic.finished;
    const samples = traffic.takeSamples();
    const result = await traffic.stop();
    assert.deepEqual(result.failures, []);
    assert.equal(result.failed, 0);
    const { get, post, slow, upload, stream, socket } = result.kinds;
    assert.deepEqual(
      [get, post, slow, upload].map((kind) => kind?.answered),
      [150, 40, 6, 4],
    );
    assert.deepEqual(get!.statuses, { 200: 150 });
    assert.deepEqual(post!.statuses, { 201: 40 });
    assert.equal(samples.length, 190);
    assert.ok(stream!.answered >= 4);
    if (language === 'node') assert.ok(socket!.answered >= 4);
    assert.deepEqual(Object.keys(result.deployments), [deployment]);
    const verified = await result.verify();
    assert.deepEqual(verified, {
      sent: 40,
      acknowledged: 40,
      done: 40,
      lost: 0,
      duplicated: 0,
      unknown: 0,
      byDeployment: { [deployment]: 40 },
      examples: [],
      isGood: true,
    });
  });
}

test('a connection that is reset is a failed request, and the request is not sent again', async () => {
  const { result, door } = await throughDoor({ kinds: { get: 1 } }, oneIn(10, 'reset', 'get'));
  assert.equal(door.done.get('reset'), 20);
  assert.equal(door.came.get('get'), 200);
  assert.equal(result.kinds.get!.failed, 20);
  assert.equal(result.kinds.get!.answered, 180);
  assert.equal(
    Object.entries(result.kinds.get!.transportErrors)
      .filter(([reason]) => reason.startsWith('ECONNRESET'))
      .reduce((sum, [, count]) => sum + count, 0),
    20,
  );
  assert.ok(result.failures.every(({ cause }) => cause === 'transport'));
});

test('a post that was done and not answered is a failed request, and neither lost nor done twice', async () => {
  const { result } = await throughDoor({ kinds: { post: 1 } }, oneIn(10, 'unanswered', 'post'));
  assert.equal(result.kinds.post!.failed, 20);
  const verified = await result.verify();
  assert.deepEqual([verified.sent, verified.acknowledged, verified.done, verified.isGood], [200, 180, 200, true]);
});

test('a post that was done twice is counted, although its answer was good', async () => {
  const { result } = await throughDoor({ kinds: { post: 1 } }, oneIn(20, 'twice', 'post'));
  assert.equal(result.failed, 0);
  const verified = await result.verify();
  assert.deepEqual([verified.duplicated, verified.lost, verified.isGood], [10, 0, false]);
  assert.match(verified.examples[0]!, /\.19 was done 2 times$/);
});

test('a post that was acknowledged and never done is counted', async () => {
  const { result } = await throughDoor({ kinds: { post: 1 } }, oneIn(20, 'pretended', 'post'));
  assert.equal(result.failed, 0);
  const verified = await result.verify();
  assert.deepEqual([verified.lost, verified.duplicated, verified.isGood], [10, 0, false]);
});

test('an answer that is cut short is a failed request, by length and by chunks', async () => {
  const byLength = await throughDoor({ kinds: { get: 1 } }, oneIn(10, 'truncated', 'get'));
  assert.equal(byLength.result.kinds.get!.failed, 20);
  const byChunks = await throughDoor({ kinds: { slow: 1 }, requests: 4, ratePerSecond: 20 }, (at, n) =>
    // The even ones have their head early, and chunks.
    at === 'slow' && n === 2 ? 'truncated' : null,
  );
  assert.equal(byChunks.result.kinds.slow!.failed, 1);
  assert.ok([...byLength.result.failures, ...byChunks.result.failures].every(({ cause }) => cause === 'transport'));
});

test('an answer with a wrong status or a wrong body is a failed request', async () => {
  const { result } = await throughDoor({ kinds: { get: 1, upload: 1 }, requests: 40 }, (at, n) => {
    if (at === 'get' && n % 5 === 4) return 'refused';
    return at === 'upload' && n % 10 === 9 ? 'altered' : null;
  });
  assert.deepEqual(result.kinds.get!.statuses, { 200: 16, 502: 4 });
  assert.equal(result.kinds.get!.failed, 4);
  assert.equal(result.kinds.upload!.failed, 2);
  assert.deepEqual(
    new Set(result.failures.map(({ cause, reason }) => (cause === 'wrong' ? cause : reason))),
    new Set(['status 502 DOOR_REFUSED', 'wrong']),
  );
});

test('a replaced deployment that answers again on its connection is a failure, unless a return is expected', async () => {
  const old = (at: string, n: number): DoorFault | null => (at === 'get' && (n < 10 || n >= 40) ? 'elsewhere' : null);
  const options = { kinds: { get: 1 }, connections: 1, requests: 50 } as const;
  const { result } = await throughDoor(options, old);
  assert.equal(result.failed, 10);
  assert.ok(result.failures.every(({ cause, deployment }) => cause === 'order' && deployment === 'probe-1'));
  assert.deepEqual(Object.keys(result.deployments), ['probe-1', 'probe-2']);
  assert.equal((await throughDoor({ ...options, order: 'any' }, old)).result.failed, 0);
});

/** One stream or WebSocket that meets these faults one after the other; ends when each was counted as a failure or as a reconnect. */
async function opened(kind: 'stream' | 'socket', faults: readonly DoorFault[]): Promise<TrafficResult> {
  const door = await FaultyDoor.open({ port: ports[1]!, fault: (at, n) => (at === kind ? (faults[n] ?? null) : null) });
  try {
    const traffic = startTraffic({ origin: door.origin, ratePerSecond: 20, ...NOTHING_OPEN, [`${kind}s`]: 1 });
    await eventually('each fault was seen', async () => {
      const { failed, reconnects } = traffic.counts();
      return failed + reconnects[kind] >= faults.length;
    });
    return await traffic.stop();
  } finally {
    door.close();
  }
}

test('an event stream that ends cleanly is continued where it ended, and that is no failure', async () => {
  const { failed, reconnects } = await opened('stream', ['ended', 'ended', 'ended']);
  assert.deepEqual([failed, reconnects.stream], [0, 3]);
});

test('an event stream that breaks off is a failure', async () => {
  const { failures, reconnects } = await opened('stream', ['cut', 'reset']);
  assert.deepEqual(
    failures.map(({ kind, cause }) => `${kind} ${cause}`),
    ['stream transport', 'stream transport'],
  );
  assert.equal(reconnects.stream, 0);
});

test('an event stream that begins anew although it said what came last is a failure', async () => {
  const { failures } = await opened('stream', ['ended', 'restarted']);
  assert.deepEqual(
    failures.map(({ cause, reason }) => `${cause}: ${reason}`),
    ['wrong: event 1 came after event 1'],
  );
});

test('a WebSocket that is sent away with 1012 comes back, sends again what had no echo, and that is no failure', async () => {
  const { failed, reconnects, resentMessages } = await opened('socket', ['sent-away', 'sent-away']);
  assert.deepEqual([failed, reconnects.socket, resentMessages], [0, 2, 2]);
});

test('a WebSocket that is dropped is a failure', async () => {
  const { failures, reconnects } = await opened('socket', ['dropped', 'dropped']);
  assert.deepEqual(
    failures.map(({ kind, cause }) => `${kind} ${cause}`),
    ['socket transport', 'socket transport'],
  );
  assert.equal(reconnects.socket, 0);
});

test('a kept connection that is closed while idle fails nothing; one that is reset under a request fails it', async () => {
  let idleCloses = 0;
  let came = 0;
  const sockets: Socket[] = [];
  const server = createServer((request, response) => {
    came += 1;
    if (request.url === '/reset') request.socket.resetAndDestroy();
    else response.end('{}');
  });
  server.on('connection', (socket: Socket) => sockets.push(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { promise: closed, resolve: onClosed } = Promise.withResolvers<void>();
  const connections = new KeptConnections({
    origin: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    connectionsMax: 1,
    rule: { mayGoBack: false, era: 0 },
    onIdleClose: () => {
      idleCloses += 1;
      onClosed();
    },
  });
  const send = (path: string) =>
    connections.send({ method: 'GET', path, headers: {}, deadlineMs: 5_000, write: (request) => request.end() });
  try {
    assert.equal((await send('/')).kind, 'answered');
    sockets[0]!.end();
    await closed;
    assert.equal((await send('/')).kind, 'answered');
    assert.equal(sockets.length, 2);
    const reset = await send('/reset');
    assert.deepEqual([reset.kind, came, sockets.length], ['broken', 3, 2]);
    assert.equal(idleCloses, 1);
  } finally {
    connections.close();
    server.close();
  }
});

test('what every deployment did is in one file', async () => {
  const lines = (await readFile(countsFile(), 'utf8')).trim().split('\n');
  assert.deepEqual(new Set(lines.map((line) => line.split(' ')[1])), new Set(['probe-1', 'probe-2', 'snake-1']));
});
