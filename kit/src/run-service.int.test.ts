/** Proves how a service starts, drains and stops, as a real process. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { after, afterEach, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

/** Plays the registry: answers what a service asks of one, and remembers it. */
class RegistryPlayed {
  readonly calls: { method: string; url: string; body: unknown }[] = [];
  private readonly waiting = new Map<string, (() => void)[]>();
  /** What is live of `tea`; null: there is no such service. */
  live: string | null = null;
  /** Awaited before the table is told. */
  beforeTable = (): Promise<void> => Promise.resolve();
  private get table() {
    const entry = { declared: true, live: this.live, standby: null, split: null, deployments: {} };
    return { epoch: 1, revision: 1, services: this.live === null ? {} : { tea: entry } };
  }
  readonly server: Server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      const { method = '', url = '' } = incoming;
      this.calls.push({ method, url, body: text === '' ? null : JSON.parse(text) });
      if (url.startsWith('/v1/watch')) {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        void this.beforeTable().then(() =>
          response.write(`event: table\nid: 1\ndata: ${JSON.stringify(this.table)}\n\n`),
        );
        return;
      }
      if (method === 'DELETE' || url.endsWith('/ack')) response.writeHead(204).end();
      else
        response.writeHead(201, { 'content-type': 'application/json' }).end('{"id":"i","leaseMs":6000,"revision":1}');
      for (const tell of this.waiting.get(method) ?? []) tell();
      this.waiting.delete(method);
    });
  });
  heard(method: string): Promise<void> {
    if (this.calls.some((call) => call.method === method && call.url.startsWith('/v1/instances')))
      return Promise.resolve();
    return new Promise((resolve) => this.waiting.set(method, [...(this.waiting.get(method) ?? []), resolve]));
  }
}

describe('a running service', () => {
  let registry: RegistryPlayed;
  let port: number;
  const children: ChildProcess[] = [];
  before(async () => {
    registry = new RegistryPlayed();
    await new Promise<void>((resolve) => registry.server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(async () => {
    for (const child of children.splice(0)) {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
    }
    registry.calls.length = 0;
    registry.live = null;
    registry.beforeTable = () => Promise.resolve();
  });
  after(() => {
    registry.server.closeAllConnections();
    registry.server.close();
  });

  /** Starts src/tea-service.ts; `said` gives what it logged. */
  const start = async (environment: Record<string, string> = {}) => {
    port = environment['PORT'] === undefined ? await freePort() : Number(environment['PORT']);
    const child = spawn(process.execPath, [fileURLToPath(import.meta.resolve('./tea-service.js'))], {
      env: {
        HOST: '127.0.0.1',
        PORT: String(port),
        SERVICE_NAME: 'tea',
        DEPLOYMENT_ID: 'tea-1',
        INSTANCE_ID: 'tea-1-abc',
        SERVICE_TOKEN: 'a.b.c',
        REGISTRY_URL: `http://127.0.0.1:${(registry.server.address() as AddressInfo).port}`,
        GATEWAY_JWKS_URL: 'http://127.0.0.1:1/jwks.json',
        LOG_LEVEL: 'info',
        ...environment,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.push(child);
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (said += text));
    const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
    return { child, exited, said: () => said, base: `http://127.0.0.1:${port}` };
  };
  const registered = async (environment: Record<string, string> = {}) => {
    const service = await start(environment);
    await Promise.race([registry.heard('PUT'), service.exited.then(() => assert.fail(service.said()))]);
    return service;
  };

  it('is ready, then registers itself with its endpoints, a short lease and no routes', async () => {
    const { base } = await registered();
    const ready = await fetch(`${base}/health/ready`);
    assert.equal(ready.status, 200);
    assert.equal(ready.headers.get('x-switchyard-instance'), 'tea-1-abc');
    assert.deepEqual(await ready.json(), { status: 'ok', service: 'tea', deployment: 'tea-1', instance: 'tea-1-abc' });
    const { url, body } = registry.calls.find((call) => call.method === 'PUT' && call.url.startsWith('/v1/instances'))!;
    assert.equal(url, '/v1/instances/tea-1-abc');
    const said = body as Record<string, unknown>;
    assert.deepEqual(
      [said['service'], said['deployment'], said['port'], said['endpoints'], said['leaseMs'], said['routes']],
      ['tea', 'tea-1', port, { tcp: { port: 4711 } }, 6_000, undefined],
    );
  });

  it('serves its documents, and its metrics to those who do not come from outside', async () => {
    const { base } = await registered();
    assert.deepEqual(await (await fetch(`${base}/openapi.json`)).json(), { openapi: '3.1.0' });
    assert.match(await (await fetch(`${base}/metrics`)).text(), /process_resident_memory_bytes \d/);
    const outside = await fetch(`${base}/metrics`, { headers: { 'x-forwarded-for': '203.0.113.9' } });
    assert.equal(await outside.text(), 'tea: /metrics', 'the application answers');
    assert.equal(await (await fetch(`${base}/asyncapi.json`)).text(), 'tea: /asyncapi.json', 'it has none');
    assert.equal((await fetch(`${base}/`)).headers.get('x-switchyard-instance'), 'tea-1-abc');
  });

  it('says that it is not ready, and why, while a check fails', async () => {
    const { base } = await registered({ TEA_IS_COLD: 'yes' });
    const answer = await fetch(`${base}/health/ready`);
    assert.equal(answer.status, 503);
    assert.deepEqual(((await answer.json()) as { failing: string[] }).failing, ['kettle: it is cold']);
    assert.equal((await fetch(`${base}/health/live`)).status, 200);
  });

  it('answers 503 while it starts, and is alive', async () => {
    const { base, said } = await start({ TEA_NEVER_STARTS: 'yes' });
    await answers(base, said);
    assert.equal((await fetch(`${base}/health/live`)).status, 200);
    assert.equal(((await (await fetch(`${base}/health/ready`)).json()) as { status: string }).status, 'starting');
    const early = await fetch(`${base}/anything`);
    assert.deepEqual([early.status, early.headers.get('retry-after')], [503, '1']);
    assert.match(early.headers.get('content-type') ?? '', /problem\+json/);
    assert.deepEqual(
      registry.calls.filter((call) => call.method === 'PUT' && call.url.startsWith('/v1/instances')),
      [],
    );
  });

  it('is not ready before it knows where the others are, as long as the registry is there to say it', async () => {
    const before: string[] = [];
    registry.beforeTable = async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/health/ready`);
      before.push(((await answer.json()) as { status: string }).status);
    };
    const { base } = await registered();
    assert.deepEqual(before, ['starting']);
    assert.equal((await fetch(`${base}/health/ready`)).status, 200);
  });

  it('on SIGTERM deregisters first, answers what is running and what still comes, ends streams, and exits with 0', async () => {
    const { base, child, exited, said } = await registered();
    const slow = get(`${base}/slow`);
    const stream = get(`${base}/stream`);
    await Promise.all([slow.head, stream.head]);
    child.kill('SIGTERM');
    await registry.heard('DELETE');
    const late = await fetch(`${base}/late`);
    assert.equal(await late.text(), 'tea: /late');
    assert.equal((await fetch(`${base}/health/ready`)).status, 503);
    assert.equal(await stream.body, 'event: first\n\nevent: bye\n\n');
    void fetch(`${base}/finish-slow`).catch(() => {});
    assert.equal(await slow.body, 'slow and whole');
    assert.deepEqual(await exited, [0, null], said());
    assert.match(said(), /opened first, closed last.*"stopped"/s);
  });

  it('on SIGTERM cuts nobody who sends one request after another on one connection', async () => {
    const { base, child, exited } = await registered();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const bodies: string[] = [];
    let last: string | undefined;
    child.kill('SIGTERM');
    while (last !== 'close') {
      const answer = get(`${base}/next`, agent);
      last = (await answer.head).headers.connection;
      bodies.push(await answer.body);
    }
    assert.ok(bodies.every((body) => body === 'tea: /next'));
    agent.destroy();
    assert.deepEqual(await exited, [0, null]);
  });

  it('on SIGTERM goes on answering for those who have not yet heard, when it is live; when it is not, nobody has to be waited for', async () => {
    for (const [live, isAwaited] of [
      ['tea-1', true],
      ['tea-2', false],
    ] as const) {
      registry.live = live;
      registry.calls.length = 0;
      const { child, exited, said } = await registered();
      child.kill('SIGTERM');
      assert.deepEqual(await exited, [0, null], said());
      assert.equal(/"movedOnMs":300/.test(said()), isAwaited, said());
    }
  });

  it('as a standby answers what is running to its end before it stops', async () => {
    registry.live = 'tea-2';
    const { base, child, exited } = await registered();
    const slow = get(`${base}/slow`);
    await slow.head;
    child.kill('SIGTERM');
    await registry.heard('DELETE');
    assert.equal((await fetch(`${base}/health/ready`)).status, 503);
    void fetch(`${base}/finish-slow`).catch(() => {});
    assert.equal(await slow.body, 'slow and whole');
    assert.deepEqual(await exited, [0, null]);
  });

  it('exits with 1 and says what is wrong when it cannot start', async () => {
    const failing = await start({ TEA_FAILS: 'no water' });
    assert.deepEqual(await failing.exited, [1, null]);
    assert.match(failing.said(), /cannot start: no water/);
    const first = await registered();
    const second = await start({ PORT: String(port) });
    assert.deepEqual(await second.exited, [1, null]);
    assert.match(second.said(), /port taken: 127\.0\.0\.1:\d+ is already in use/);
    const wrong = await start({ PORT: String(await freePort()), REGISTRY_URL: 'not a url', SERVICE_NAME: '' });
    assert.deepEqual((await wrong.exited)[0], 1);
    assert.match(wrong.said(), /2 faults:\s+SERVICE_NAME is missing\s+REGISTRY_URL is "not a url"/);
    first.child.kill('SIGKILL');
  });

  it('stops in order and exits with 1 after an error that nobody caught', async () => {
    const { base, exited, said } = await registered();
    await fetch(`${base}/throw`).catch(() => {});
    assert.deepEqual(await exited, [1, null]);
    assert.match(said(), /uncaughtException.*opened first, closed last/s);
    assert.ok(registry.calls.some((call) => call.method === 'DELETE'));
  });

  it('lives without a registry', async () => {
    const { base, child, exited, said } = await start({ REGISTRY_URL: 'http://127.0.0.1:1' });
    await answers(base, said, 200);
    child.kill('SIGTERM');
    assert.deepEqual(await exited, [0, null]);
  });
});

/** Resolves once the service is ready, or, with 503, once it answers at all. */
async function answers(base: string, said: () => string, status = 503): Promise<void> {
  const { hostname, port } = new URL(base);
  for (const deadline = performance.now() + 10_000; performance.now() < deadline;) {
    const isOpen = await new Promise((resolve) => {
      const socket = connect(Number(port), hostname);
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (isOpen && (await fetch(`${base}/health/ready`)).status === status) return;
  }
  assert.fail(`no answer: ${said()}`);
}

function get(url: string, agent?: Agent): { head: Promise<IncomingMessage>; body: Promise<string> } {
  const head = new Promise<IncomingMessage>((resolve, reject) => {
    request(url, agent === undefined ? {} : { agent })
      .once('response', resolve)
      .once('error', reject)
      .end();
  });
  const body = head.then(async (response) => {
    let text = '';
    for await (const chunk of response.setEncoding('utf8')) text += String(chunk);
    return text;
  });
  body.catch(() => {});
  return { head, body };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}
