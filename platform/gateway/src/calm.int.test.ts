/** What clients and services notice of failures and of too much: instances that die, outages, overload, limits. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request as httpRequest } from 'node:http';
import type { IncomingMessage, RequestListener } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { hasAnswer, sendRaw } from './testing/raw-client.ts';
import { startTestYard, startUpstream, startYardWith } from './testing/test-yard.ts';
import type { TestYard } from './testing/test-yard.ts';

const settings = (written: object): Record<string, string> => ({ GATEWAY_SETTINGS: JSON.stringify(written) });
/** For tests of what holds while the breaker does not help. */
const NO_BREAKER = { breaker: { minRequests: 1_000_000 } };

const yardOf = (
  context: TestContext,
  ports: readonly number[],
  written: object = {},
  route: Readonly<Record<string, unknown>> = {},
): Promise<TestYard> =>
  startTestYard(
    context,
    {
      echo: {
        routes: [{ path: '/', ...route }],
        deployments: { 'echo-1': ports.map((port, nth) => ({ id: `echo-${nth}`, port })) },
      },
    },
    settings(written),
  );

interface Answered {
  readonly status: number;
  readonly code: string;
  readonly headers: IncomingMessage['headers'];
}

/** Sends requests, a number of them at a time, and tells of each answer. */
async function load(
  yard: TestYard,
  { requests, atATime, methods = ['GET'] }: { requests: number; atATime: number; methods?: readonly string[] },
  onAnswer: (answered: Answered, nth: number) => void,
): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: atATime });
  let sent = 0;
  let answers = 0;
  const one = async (): Promise<void> => {
    while (sent < requests) {
      const method = methods[sent % methods.length]!;
      sent += 1;
      onAnswer(await ask(yard, agent, method), (answers += 1));
    }
  };
  await Promise.all(Array.from({ length: atATime }, one));
  agent.destroy();
}

/** Sends requests until there is nothing more to wait for. */
async function loadUntil(
  isEnough: () => boolean,
  yard: TestYard,
  atATime: number,
  onAnswer: (answered: Answered) => void,
): Promise<void> {
  while (!isEnough()) await load(yard, { requests: 2 * atATime, atATime }, onAnswer);
}

async function ask(yard: TestYard, agent: Agent, method: string): Promise<Answered> {
  const request = httpRequest(`${yard.url}/`, { agent, method }).end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const text = Buffer.concat((await response.toArray()) as Buffer[]).toString();
  const isProblem = response.headers['content-type'] === 'application/problem+json';
  const code = isProblem && text !== '' ? (JSON.parse(text) as { code: string }).code : '';
  return { status: response.statusCode!, code, headers: response.headers };
}

const SERVER = `
  const server = require('node:http').createServer((request, response) => {
    request.resume();
    setTimeout(() => response.end(), Number(process.argv[1]));
  });
  server.listen(0, '127.0.0.1', () => process.send(server.address().port));
`;

/** A server that answers after `afterMs`. */
async function startProcess(context: TestContext, afterMs: number): Promise<{ child: ChildProcess; port: number }> {
  const child = spawn(process.execPath, ['-e', SERVER, String(afterMs)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  context.after(() => child.kill('SIGKILL'));
  const [port] = (await once(child, 'message')) as [number];
  return { child, port };
}

for (const atATime of [4, 90])
  test(`kill -9 of one of three instances fails no idempotent request, ${atATime} at a time`, async (t) => {
    const processes = await Promise.all([1, 2, 3].map(() => startProcess(t, atATime > 10 ? 100 : 10)));
    const yard = await yardOf(
      t,
      processes.map(({ port }) => port),
    );
    const failures: Answered[] = [];
    let repeated = 0;
    const requests = 300 + 12 * atATime;
    await load(yard, { requests, atATime, methods: ['GET', 'PUT', 'DELETE', 'HEAD'] }, (answered, nth) => {
      if (answered.status !== 200) failures.push(answered);
      if (nth === 150) processes[1]!.child.kill('SIGKILL');
    });
    for (const line of yard.lines.join('').split('\n'))
      if (line !== '') repeated += (JSON.parse(line) as { retries?: number }).retries ?? 0;
    assert.deepEqual(failures, []);
    t.diagnostic(`${repeated} sent again`);
  });

test('kill -9 of the only instance of a canary fails no idempotent request: what it had goes to what is live', async (t) => {
  const [live, canary] = await Promise.all([startProcess(t, 50), startProcess(t, 50)]);
  const yard = await startTestYard(t, {
    echo: {
      routes: ['/'],
      live: 'echo-1',
      split: { 'echo-1': 50, 'echo-2': 50 },
      deployments: {
        'echo-1': [{ id: 'echo-a', port: live.port }],
        'echo-2': [{ id: 'echo-b', port: canary.port }],
      },
    },
  });
  const failures: Answered[] = [];
  await load(yard, { requests: 600, atATime: 60 }, (answered, nth) => {
    if (answered.status !== 200) failures.push(answered);
    if (nth === 150) canary.child.kill('SIGKILL');
  });
  assert.deepEqual(failures, []);
});

test('who cannot be reached is left out at once, and answers again when it is back', async (t) => {
  let answers = 0;
  const count: RequestListener = (_request, response) => {
    answers += 1;
    response.end();
  };
  const alive = await startUpstream(t, (_request, response) => void response.end());
  const dying = await startUpstream(t, count);
  const yard = await yardOf(t, [alive.port, dying.port], { ejection: { baseMs: 10, maxMs: 10 } });
  const failed: Answered[] = [];
  const note = (answered: Answered): void => {
    if (answered.status !== 200) failed.push(answered);
  };
  await load(yard, { requests: 40, atATime: 4 }, note);
  assert.ok(answers > 0);
  await dying.stop();
  await load(yard, { requests: 200, atATime: 4 }, note);
  answers = 0;
  await startUpstream(t, count, dying.port);
  await loadUntil(() => answers >= 20, yard, 4, note);
  assert.deepEqual(failed, []);
});

test('an instance that answers 503 is left out after five of them in a row', async (t) => {
  const well: RequestListener = (_request, response) => void response.end();
  const [a, bad, c] = await Promise.all([
    startUpstream(t, well),
    startUpstream(t, (_request, response) => void response.writeHead(503).end()),
    startUpstream(t, well),
  ]);
  const yard = await yardOf(t, [a.port, bad.port, c.port], { ejection: { baseMs: 3_600_000, maxMs: 3_600_000 } });
  let refused = 0;
  await load(yard, { requests: 60, atATime: 20 }, ({ status }) => {
    if (status === 503) refused += 1;
  });
  assert.ok(refused <= 30, `${refused}`);
  const before = refused;
  await load(yard, { requests: 500, atATime: 20 }, ({ status }) => {
    if (status === 503) refused += 1;
  });
  assert.ok(refused - before <= 5, `${refused - before} more`);
});

test('in a full outage attempts exceed requests by a fifth and ten at most', async (t) => {
  for (const [what, listener] of Object.entries<RequestListener>({
    'breaks off': (request) => void request.socket.resetAndDestroy(),
    'answers 503': (_request, response) => void response.writeHead(503).end(),
  }))
    await t.test(what, async (t) => {
      let isWell = true;
      let attempts = 0;
      const answer: RequestListener = (request, response) => {
        if (isWell) return void response.end();
        attempts += 1;
        listener(request, response);
      };
      const upstreams = await Promise.all([1, 2, 3].map(() => startUpstream(t, answer)));
      const yard = await yardOf(
        t,
        upstreams.map(({ port }) => port),
        NO_BREAKER,
      );
      await load(yard, { requests: 300, atATime: 10 }, ({ status }) => assert.equal(status, 200));
      isWell = false;
      const requests = 600;
      await load(yard, { requests, atATime: 10 }, ({ status }) => assert.ok(status >= 502));
      t.diagnostic(`${attempts} attempts of ${requests} requests`);
      assert.ok(attempts <= 1.2 * requests + 10, `${attempts}`);
      isWell = true;
      await load(yard, { requests: 50, atATime: 5 }, () => {});
      await load(yard, { requests: 100, atATime: 5 }, ({ status }) => assert.equal(status, 200));
    });
});

test('a breaker asks a failing service hardly at all, promises no longer pause however long that lasts, and finds it back', async (t) => {
  let isWell = false;
  let attempts = 0;
  const yard = await startYardWith(
    t,
    (_request, response) => {
      attempts += 1;
      response.writeHead(isWell ? 200 : 503).end();
    },
    settings({ breaker: { pauseMs: 20 } }),
  );
  let opened = 0;
  const note = ({ status, code, headers }: Answered): void => {
    assert.equal(status, 503);
    if (code !== 'GATEWAY_BREAKER_OPEN') return;
    opened += 1;
    assert.equal(headers['retry-after'], '1');
  };
  await load(yard, { requests: 500, atATime: 5 }, note);
  await loadUntil(() => attempts >= 60, yard, 5, note);
  assert.ok(opened > 400);
  isWell = true;
  let isBack = false;
  await loadUntil(
    () => isBack,
    yard,
    1,
    ({ status }) => {
      isBack = status === 200;
    },
  );
  await load(yard, { requests: 2, atATime: 1 }, ({ status }) => assert.equal(status, 200));
  await load(yard, { requests: 100, atATime: 10 }, ({ status }) => assert.equal(status, 200));
});

test('what is more than may be under way is refused before it is asked who it is', async (t) => {
  for (const [what, written] of Object.entries({
    'in all': { inFlight: { total: 3 } },
    'at an instance': { inFlight: { perInstance: 3 } },
  }))
    await t.test(what, async (t) => {
      const held: (() => void)[] = [];
      const allHeld = Promise.withResolvers<void>();
      const upstream = await startUpstream(t, (_request, response) => {
        if (held.push(() => response.end()) === 3) allHeld.resolve();
      });
      const yard = await startTestYard(
        t,
        {
          echo: {
            routes: ['/', { path: '/own', auth: 'required' }],
            deployments: { 'echo-1': [{ id: 'echo-a', port: upstream.port }] },
          },
        },
        settings(written),
      );
      assert.equal((await fetch(`${yard.url}/own`)).status, 401);
      const running = [1, 2, 3].map(() => fetch(yard.url));
      await allHeld.promise;
      for (const path of ['/', '/own']) {
        const refused = await fetch(`${yard.url}${path}`);
        assert.equal(refused.status, 503);
        assert.equal(refused.headers.get('retry-after'), '1');
        assert.equal(((await refused.json()) as { code: string }).code, 'GATEWAY_OVERLOADED');
      }
      assert.equal((await fetch(`${yard.url}/-/live`)).status, 200);
      for (const end of held) end();
      for (const answer of await Promise.all(running)) assert.equal(answer.status, 200);
      const next = fetch(yard.url);
      while (held.length < 4) await new Promise((resolve) => setImmediate(resolve));
      held[3]!();
      assert.equal((await next).status, 200);
    });
});

test('however a request ends, its place is free again', { timeout: 60_000 }, async (t) => {
  const upstream = await startUpstream(t, (request, response) => {
    if (request.url === '/breaks') request.socket.resetAndDestroy();
    else if (request.url === '/stream') response.writeHead(200, { 'content-type': 'text/event-stream' }).write(':\n\n');
    else if (request.url !== '/hangs') response.end('well');
  });
  upstream.server.on('upgrade', (_request, socket) => {
    socket.on('error', () => {});
    socket.on('end', () => socket.end());
    socket.resume();
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  });
  const yard = await startTestYard(
    t,
    {
      echo: {
        routes: ['/', { path: '/hangs', timeoutMs: 50 }, { path: '/short', bodyLimitBytes: 10 }],
        deployments: { 'echo-1': [{ id: 'echo-a', port: upstream.port }] },
      },
    },
    settings({ inFlight: { total: 1 } }),
  );
  const agent = new Agent();
  const isFree = async (): Promise<boolean> => (await ask(yard, agent, 'GET')).status === 200;
  const get = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n`;
  const post = (path: string, more: string): string => `POST ${path} HTTP/1.1\r\nHost: a\r\n${more}`;
  const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n';
  const begun = (all: string): boolean => all.includes('\r\n\r\n');
  for (const [how, bytes, isEnough] of [
    ['answered', get('/'), hasAnswer],
    ['answered and closed', get('/', 'Connection: close\r\n'), undefined],
    ['to HTTP/1.0', 'GET / HTTP/1.0\r\n\r\n', undefined],
    ['broken off by the service', get('/breaks'), hasAnswer],
    ['not answered in time', get('/hangs'), hasAnswer],
    ['a body beyond the limit', post('/short', `Content-Length: 20\r\n\r\n${'x'.repeat(20)}`), hasAnswer],
    [
      'chunks beyond the limit',
      post('/short', `Transfer-Encoding: chunked\r\n\r\n14\r\n${'x'.repeat(20)}\r\n0\r\n\r\n`),
      hasAnswer,
    ],
    ['a body that is no chunk', post('/', 'Transfer-Encoding: chunked\r\n\r\nzz\r\n'), undefined],
    ['a stream that its client leaves', get('/stream'), begun],
    ['a WebSocket that its client leaves', get('/', upgrade), begun],
    [
      'asked one after the other without waiting',
      get('/').repeat(3),
      (all: string) => all.split('HTTP/1.1 ').length > 3,
    ],
  ] as const) {
    await sendRaw(yard.gateway.port, bytes, isEnough);
    while (!(await isFree()));
    assert.equal(await isFree(), true, how);
  }
  for (const bytes of [get('/hangs'), post('/', 'Content-Length: 5\r\n\r\nhel'), get('/').repeat(20)]) {
    const arrived = once(upstream.server, 'request');
    const socket = connect(yard.gateway.port, '127.0.0.1', () => socket.write(bytes));
    await arrived;
    socket.destroy();
    while (!(await isFree()));
  }
});

test('who asks on a limited route is told what is left, and when there is more', async (t) => {
  const yard = await startYardWith(
    t,
    (_request, response) => void response.end(),
    {},
    { limit: { requests: 2, windowSeconds: 60 } },
  );
  const told: (string | number | null)[][] = [];
  for (let nth = 0; nth < 3; nth += 1) {
    const { status, headers } = await fetch(yard.url);
    assert.equal(headers.get('ratelimit-policy'), '"gateway";q=2;w=60');
    told.push([status, headers.get('ratelimit'), headers.get('retry-after')]);
  }
  assert.deepEqual(told, [
    [200, '"gateway";r=1;t=30', null],
    [200, '"gateway";r=0;t=30', null],
    [429, '"gateway";r=0;t=30', '30'],
  ]);
});
