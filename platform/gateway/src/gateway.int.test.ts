/** The gateway as a whole: follows the table, gives failing services a pause, limits, tells of itself, and stops without cutting anybody off. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { hasAnswer, sendRaw } from './testing/raw-client.ts';
import { TestRegistry } from './testing/test-registry.ts';
import { startTestYard, startUpstream, startYardWith } from './testing/test-yard.ts';

const codeOf = async (answer: Response): Promise<string> => ((await answer.json()) as { code: string }).code;

test('traffic moves to the new deployment with its epoch, while running requests end on the old one', async (t) => {
  const arrived = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const old = await startUpstream(t, (request, response) => {
    if (request.url !== '/slow') return void response.end('old');
    arrived.resolve();
    void release.promise.then(() => response.end('old'));
  });
  const next = await startUpstream(t, (_request, response) => response.end('new'));
  const told = (live: string) => ({
    echo: {
      routes: ['/'],
      live,
      standby: live === 'echo-1' ? null : 'echo-1',
      deployments: { 'echo-1': [{ id: 'a', port: old.port }], 'echo-2': [{ id: 'b', port: next.port }] },
    },
  });
  const yard = await startTestYard(t, told('echo-1'));
  const slow = fetch(`${yard.url}/slow`);
  await arrived.promise;
  await yard.registry.tell(told('echo-2'));
  assert.equal(yard.registry.acknowledgements.at(-1)!.epoch, 2);
  assert.deepEqual(yard.registry.acknowledgements.at(-1)!.inFlight, { 'echo-1': 1, 'echo-2': 0 });
  assert.equal(await (await fetch(yard.url)).text(), 'new');
  release.resolve();
  assert.equal(await (await slow).text(), 'old');
  await yard.registry.tell(told('echo-1'));
  assert.deepEqual(yard.registry.acknowledgements.at(-1)!.inFlight, { 'echo-1': 0, 'echo-2': 0 });
  assert.equal(await (await fetch(yard.url)).text(), 'old');
});

test('the last table serves while the registry is away', async (t) => {
  const yard = await startYardWith(t, (_request, response) => response.end('ok'));
  await yard.registry.stop();
  for (let nth = 0; nth < 20; nth += 1) assert.equal((await fetch(yard.url)).status, 200);
  assert.equal((await fetch(`${yard.url}/-/ready`)).status, 200);
});

test('without any table yet, requests are 503 and the gateway lives but is not ready', async (t) => {
  const registry = new TestRegistry();
  const url = await registry.start();
  await registry.stop();
  const yard = await startTestYard(t, {}, { REGISTRY_URL: url });
  const answer = await fetch(yard.url);
  assert.equal(answer.status, 503);
  assert.equal(await codeOf(answer), 'GATEWAY_NO_TABLE');
  assert.equal((await fetch(`${yard.url}/-/live`)).status, 200);
  assert.equal((await fetch(`${yard.url}/-/ready`)).status, 503);
});

test('ready once every declared service has had a live instance, and from then on', async (t) => {
  const upstream = await startUpstream(t, (_request, response) => response.end('ok'));
  const a = { routes: ['/a'], deployments: { 'a-1': [{ id: 'a', port: upstream.port }] } };
  const yard = await startTestYard(t, { a, b: { routes: ['/b'], deployments: {} } });
  assert.equal((await fetch(`${yard.url}/-/ready`)).status, 503);
  const nobody = await fetch(`${yard.url}/b`);
  assert.equal(nobody.status, 503);
  assert.equal(await codeOf(nobody), 'GATEWAY_NO_INSTANCE');
  await yard.registry.tell({ a, b: { routes: ['/b'], deployments: { 'b-1': [{ id: 'b', port: upstream.port }] } } });
  assert.equal((await fetch(`${yard.url}/-/ready`)).status, 200);
  await yard.registry.tell({ a, b: { routes: ['/b'], live: 'b-1', deployments: { 'b-1': [] } } });
  assert.equal((await fetch(`${yard.url}/-/ready`)).status, 200);
  assert.equal((await fetch(`${yard.url}/nowhere`)).status, 404);
});

test('a route that changes its meaning by an encoded slash is refused', async (t) => {
  const upstream = await startUpstream(t, (request, response) => response.end(request.url));
  const at = (id: string) => ({ [`${id}-1`]: [{ id, port: upstream.port }] });
  const yard = await startTestYard(t, {
    front: { routes: ['/'], deployments: at('front') },
    admin: { routes: [{ path: '/admin', auth: 'required' }], deployments: at('admin') },
  });
  for (const path of ['/admin%2fx', '/%2fadmin', '/x%2f..%2fadmin', '/admin%5cx']) {
    const answer = await sendRaw(yard.gateway.port, `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`, hasAnswer);
    assert.equal(answer.status, 400, path);
  }
  const plain = await sendRaw(yard.gateway.port, 'GET /files/a%2fb HTTP/1.1\r\nHost: a\r\n\r\n', hasAnswer);
  assert.equal(plain.text, '/files/a%2Fb');
  for (const path of ['/admin', '/x/../admin', '/%61dmin', '//admin', '/admin/']) {
    const answer = await sendRaw(yard.gateway.port, `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`, hasAnswer);
    assert.equal(answer.status, 401, path);
  }
});

test('a service that mostly fails is given a pause: 503 at once with Retry-After, and it is asked again', async (t) => {
  let asked = 0;
  let isWell = false;
  const yard = await startYardWith(t, (_request, response) => {
    asked += 1;
    response.writeHead(isWell ? 200 : 503).end();
  });
  for (let nth = 0; nth < 20; nth += 1) await fetch(yard.url);
  assert.equal(asked, 20);
  const refused = await fetch(yard.url);
  assert.equal(refused.status, 503);
  assert.equal(await codeOf(refused), 'GATEWAY_BREAKER_OPEN');
  assert.ok(Number(refused.headers.get('retry-after')) >= 1);
  assert.equal(asked, 20);
  const { breakers } = (await (await fetch(`${yard.adminUrl}/breakers`)).json()) as { breakers: { state: string }[] };
  assert.equal(breakers[0]!.state, 'open');
  isWell = true;
  await yard.registry.tell({
    echo: { routes: ['/'], deployments: { 'echo-1': [{ id: 'echo-b', port: yard.upstream.port }] } },
  });
  for (let nth = 0; nth < 5; nth += 1) assert.equal((await fetch(yard.url)).status, 200);
});

test('errors of a service itself (500) pass, and do not cut it off', async (t) => {
  const yard = await startYardWith(t, (_request, response) => response.writeHead(500).end('mine'));
  for (let nth = 0; nth < 50; nth += 1) {
    const answer = await fetch(yard.url);
    assert.equal(answer.status, 500);
    assert.equal(await answer.text(), 'mine');
  }
});

test('an instance that died gets no load while another one lives', async (t) => {
  const dead = await startUpstream(t, () => {});
  await dead.stop();
  const alive = await startUpstream(t, (_request, response) => response.end('ok'));
  const instances = [
    { id: 'dead', port: dead.port },
    { id: 'alive', port: alive.port },
  ];
  const yard = await startTestYard(t, { echo: { routes: ['/'], deployments: { 'echo-1': instances } } });
  for (let nth = 0; nth < 100; nth += 1) assert.equal((await fetch(yard.url)).status, 200);
  const metrics = await (await fetch(`${yard.adminUrl}/metrics`)).text();
  const retries = Number(/gateway_retries_total\{service="echo",deployment="echo-1"\} (\d+)/.exec(metrics)![1]);
  assert.ok(retries <= 2, `${retries} requests went to the dead one first`);
});

test('a route with a limit answers 429 with Retry-After beyond it', async (t) => {
  const yard = await startYardWith(
    t,
    (_request, response) => response.end('ok'),
    {},
    {
      limit: { requests: 3, windowSeconds: 60 },
    },
  );
  const statuses = [];
  for (let nth = 0; nth < 4; nth += 1) statuses.push((await fetch(yard.url)).status);
  assert.deepEqual(statuses, [200, 200, 200, 429]);
  const refused = await fetch(yard.url);
  assert.equal(await codeOf(refused), 'GATEWAY_TOO_MANY_REQUESTS');
  assert.equal(refused.headers.get('retry-after'), '20');
});

test('metrics, routes and requests in flight are told on loopback, and to no page by a name that points there', async (t) => {
  const yard = await startYardWith(t, (_request, response) => response.end('ok'));
  await fetch(`${yard.url}/x`);
  const metrics = await (await fetch(`${yard.adminUrl}/metrics`)).text();
  assert.match(metrics, /^gateway_requests_total\{service="echo",deployment="echo-1",status="2xx"\} 1$/m);
  assert.match(metrics, /^gateway_request_duration_seconds_count\{service="echo",deployment="echo-1"\} 1$/m);
  assert.match(metrics, /^gateway_breaker_state\{service="echo",deployment="echo-1"\} 0$/m);
  assert.match(metrics, /^gateway_in_flight\{service="echo",deployment="echo-1"\} 0$/m);
  const { routes } = (await (await fetch(`${yard.adminUrl}/routes`)).json()) as {
    routes: { path: string; live: string }[];
  };
  assert.equal(routes.find((route) => route.path === '/')?.live, 'echo-1');
  const rebound = await sendRaw(
    yard.gateway.adminPort,
    'GET /metrics HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n',
  );
  assert.equal(rebound.status, 403);
});

test('each request is one line of JSON, without its query', async (t) => {
  const yard = await startYardWith(t, (_request, response) => response.end('ok'));
  const answer = await fetch(`${yard.url}/a"b?secret=1`);
  await yard.gateway.stop();
  const [line, ...more] = yard.lines.join('').trim().split('\n');
  assert.equal(more.length, 0);
  const logged = JSON.parse(line!) as Record<string, unknown>;
  assert.equal(logged['path'], '/a%22b');
  assert.equal(logged['status'], 200);
  assert.equal(logged['toInstance'], 'echo-a');
  assert.equal(logged['requestId'], answer.headers.get('x-request-id'));
  assert.ok(!line!.includes('secret'));
});

test('stopping lets running requests end, ends event streams, and refuses new connections', async (t) => {
  const arrived = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const yard = await startYardWith(t, (request, response) => {
    if (request.url === '/stream') {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: 1\n\n');
      return;
    }
    arrived.resolve();
    void release.promise.then(() => response.end('whole'));
  });
  const agent = new Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  const streaming = httpRequest(`${yard.url}/stream`, { agent }).end();
  const [stream] = (await once(streaming, 'response')) as [IncomingMessage];
  const streamEnded = once(stream.resume(), 'end');
  const slow = fetch(`${yard.url}/slow`);
  await arrived.promise;
  const stopped = yard.gateway.stop();
  await streamEnded;
  await assert.rejects(fetch(yard.url));
  release.resolve();
  const answer = await slow;
  assert.equal(await answer.text(), 'whole');
  assert.equal(answer.headers.get('connection'), 'close');
  await stopped;
});

test('a faulty environment is reported whole, with exit code 2', async () => {
  const main = fileURLToPath(new URL('main.js', import.meta.url));
  const child = spawn(process.execPath, [main], { env: { PORT: 'many', CORS_ORIGINS: '*' }, stdio: 'pipe' });
  const errors = child.stderr.toArray();
  const [code] = (await once(child, 'exit')) as [number];
  const text = Buffer.concat((await errors) as Buffer[]).toString();
  assert.equal(code, 2);
  for (const name of ['PORT', 'CORS_ORIGINS', 'INSTANCE_ID', 'SERVICE_TOKEN']) assert.match(text, new RegExp(name));
});

test('the process serves, and SIGTERM ends it with 0', async (t) => {
  const registry = new TestRegistry();
  const registryUrl = await registry.start();
  const upstream = await startUpstream(t, (_request, response) => response.end('ok'));
  await registry.tell({ echo: { routes: ['/'], deployments: { 'echo-1': [{ id: 'a', port: upstream.port }] } } });
  const keysDir = await mkdtemp(join(tmpdir(), 'switchyard-gateway-'));
  t.after(async () => {
    await registry.stop();
    await rm(keysDir, { recursive: true });
  });
  const main = fileURLToPath(new URL('main.js', import.meta.url));
  const child = spawn(process.execPath, [main], {
    env: {
      PORT: '0',
      ADMIN_PORT: '0',
      INSTANCE_ID: 'g',
      SERVICE_TOKEN: 't',
      REGISTRY_URL: registryUrl,
      KEYS_DIR: keysDir,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8');
  const port = await new Promise<number>((resolve) => {
    child.stdout.on('data', (chunk: string) => {
      output += chunk;
      const listening = /"port":(\d+)[^\n]*"message":"listening"/.exec(output);
      if (listening !== null) resolve(Number(listening[1]));
    });
  });
  assert.equal(await (await fetch(`http://127.0.0.1:${port}/x`)).text(), 'ok');
  child.kill('SIGTERM');
  const [code] = (await once(child, 'exit')) as [number];
  assert.equal(code, 0);
  assert.match(output, /"path":"\/x","status":200/);
});
