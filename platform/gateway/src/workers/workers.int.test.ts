/** Several processes at one door: what they count, limit and lose together, and what becomes of them when one dies or all leave. */
import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { isRunning, takeOver, untilGone } from '../testing/gateway-process.ts';
import type { GatewayProcess } from '../testing/gateway-process.ts';
import { ask, startHandoverYard } from '../testing/test-handover.ts';

const TWO = { GATEWAY_SETTINGS: JSON.stringify({ workers: 2 }) };
const DEADLINE_MS = 20_000;
const CLIENTS = 16;

interface WorkerHealth {
  readonly worker: number;
  readonly pid: number | null;
  readonly stage: string;
  readonly connections: number | null;
}

test('both workers serve, and one page counts for both', { timeout: 60_000 }, async (t) => {
  const { first } = await startHandoverYard(t, (_asked, response) => response.end('got'), TWO);
  await untilServing(first, 2);
  const agent = agentOf(t);
  const answers = await Promise.all(Array.from({ length: 400 }, () => ask(agent, first.port, '/')));
  assert.deepEqual([...new Set(answers)], ['200 got']);
  const workers = await healthOf(first);
  t.diagnostic(`connections: ${workers.map(({ connections }) => connections).join(' and ')}`);
  for (const { connections } of workers) assert.ok(connections! > 0);
  const page = await metricsOf(first);
  assert.equal(requestsIn(page), 400);
  assert.match(page, /^gateway_workers 2$/m);
  assert.match(page, /^gateway_workers_silent 0$/m);
  assert.match(page, /^process_resident_memory_bytes\{worker="1"\} \d+$/m);
  assert.match(page, /^process_resident_memory_bytes\{worker="2"\} \d+$/m);
  assert.equal(page.match(/^# TYPE process_resident_memory_bytes /gm)?.length, 1);
});

test('a limit of a route counts for all workers together', { timeout: 60_000 }, async (t) => {
  const limit = { requests: 20, windowSeconds: 3_600 };
  const { first } = await startHandoverYard(t, (_asked, response) => response.end('got'), TWO, { limit });
  await untilServing(first, 2);
  const agent = agentOf(t);
  const answers = await Promise.all(Array.from({ length: 100 }, () => ask(agent, first.port, '/')));
  assert.equal(answers.filter((said) => said === '200 got').length, 20);
  assert.equal(answers.filter((said) => said.startsWith('429 ')).length, 80);
});

test(
  'a worker that is killed under load harms no request of the others, is back, and what it counted stays counted',
  {
    timeout: 90_000,
  },
  async (t) => {
    const { first } = await startHandoverYard(t, (_asked, response) => response.end('got'), TWO);
    await untilServing(first, 2);
    const load = startLoad(t, first.port);
    for (let nth = 0; nth < 3; nth += 1) {
      await load.more(200);
      const before = requestsIn(await metricsOf(first));
      const [, victim] = await healthOf(first);
      const failedBefore = load.failed.length;
      process.kill(victim!.pid!, 'SIGKILL');
      await untilServing(first, 2, victim!.pid!);
      const after = requestsIn(await metricsOf(first));
      assert.ok(after >= before, `${after} after ${before}`);
      // Its own connections broke, each of them with one request at most.
      assert.ok(load.failed.length - failedBefore <= CLIENTS);
      assert.deepEqual(
        load.failed.slice(failedBefore).filter((said) => !/ECONNRESET|socket hang up|aborted/.test(said)),
        [],
      );
    }
    await load.more(200);
    const sent = await load.stop();
    t.diagnostic(`${sent} requests, ${load.failed.length} of them on connections of the workers that were killed`);
    assert.match(await metricsOf(first), /^gateway_worker_deaths_total 3$/m);
  },
);

test('three handovers of gateways with two workers under load: no request fails', { timeout: 120_000 }, async (t) => {
  const yard = await startHandoverYard(t, (_asked, response) => response.end('got'), TWO);
  let current = yard.first;
  await untilServing(current, 2);
  const load = startLoad(t, current.port);
  for (let nth = 0; nth < 3; nth += 1) {
    await load.more(100);
    const workers = await healthOf(current);
    const next = await yard.next(current);
    await takeOver(next);
    await untilServing(next, 2);
    process.kill(current.pid, 'SIGTERM');
    await untilGone(current);
    for (const { pid } of workers) assert.ok(!isAlive(pid!), `${pid} is left over`);
    current = next;
  }
  const sent = await load.stop();
  t.diagnostic(`${sent} requests`);
  assert.deepEqual(load.failed, []);
});

test(
  'a worker that is told to end by a signal loses no request, and another takes its place',
  { timeout: 60_000 },
  async (t) => {
    const { first } = await startHandoverYard(t, (_asked, response) => response.end('got'), TWO);
    await untilServing(first, 2);
    const load = startLoad(t, first.port);
    await load.more(200);
    const [, worker] = await healthOf(first);
    process.kill(worker!.pid!, 'SIGTERM');
    await untilServing(first, 2, worker!.pid!);
    await load.more(200);
    const sent = await load.stop();
    assert.deepEqual(load.failed, []);
    const page = await metricsOf(first);
    assert.equal(requestsIn(page), sent);
    assert.match(page, /^gateway_worker_deaths_total 0$/m);
  },
);

test('workers whose first process is killed end, and leave the port free', { timeout: 60_000 }, async (t) => {
  const { first } = await startHandoverYard(t, (_asked, response) => response.end('got'), TWO);
  await untilServing(first, 2);
  const [, worker] = await healthOf(first);
  process.kill(first.pid, 'SIGKILL');
  await untilGone({ ...first, pid: worker!.pid! });
  assert.match(await ask(agentOf(t), first.port, '/'), /ECONNREFUSED/);
});

test('a gateway that is stopped takes its workers along', { timeout: 60_000 }, async (t) => {
  const { first } = await startHandoverYard(t, (_asked, response) => response.end('got'), TWO);
  await untilServing(first, 2);
  const [, worker] = await healthOf(first);
  // As the yard does it: each process of the group gets the signal, in any order.
  process.kill(-first.pid, 'SIGTERM');
  await untilGone(first);
  assert.ok(!isAlive(worker!.pid!));
});

function agentOf(t: TestContext): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
  t.after(() => agent.destroy());
  return agent;
}

/** Clients that ask again and again over connections that they keep. */
function startLoad(t: TestContext, port: number) {
  const agent = agentOf(t);
  const over = new AbortController();
  t.after(() => over.abort());
  const failed: string[] = [];
  const load = { sent: 0, wake: (): void => {} };
  const client = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const said = await ask(agent, port, '/');
      load.sent += 1;
      if (said !== '200 got') failed.push(said);
      load.wake();
      await pause(2);
    }
  };
  const clients = Array.from({ length: CLIENTS }, client);
  return {
    failed,
    more: async (count: number): Promise<void> => {
      const wanted = load.sent + count;
      while (load.sent < wanted) await new Promise<void>((resolve) => (load.wake = resolve));
    },
    stop: async (): Promise<number> => {
      over.abort();
      await Promise.all(clients);
      return load.sent;
    },
  };
}

async function healthOf(gateway: GatewayProcess): Promise<WorkerHealth[]> {
  const answer = await fetch(`http://127.0.0.1:${gateway.adminPort}/health`, { headers: { connection: 'close' } });
  return ((await answer.json()) as { workers: WorkerHealth[] }).workers;
}

async function metricsOf(gateway: GatewayProcess): Promise<string> {
  return (await fetch(`http://127.0.0.1:${gateway.adminPort}/metrics`, { headers: { connection: 'close' } })).text();
}

const requestsIn = (page: string): number =>
  Number(/^gateway_requests_total\{service="echo",deployment="echo-1",status="2xx"\} (\d+)$/m.exec(page)?.[1] ?? 0);

/** That many of them, none of which is the process that was before. */
async function untilServing(gateway: GatewayProcess, count: number, before = 0): Promise<void> {
  const deadlineMs = performance.now() + DEADLINE_MS;
  for (;;) {
    const workers = isRunning(gateway) ? await healthOf(gateway) : [];
    const serving = workers.filter(({ stage, pid }) => stage === 'serving' && pid !== before);
    if (serving.length >= count) return;
    if (performance.now() > deadlineMs) throw new Error(`workers: ${JSON.stringify(workers)}`);
    await pause(20);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
