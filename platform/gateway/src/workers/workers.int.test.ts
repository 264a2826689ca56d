/** Several processes at one door: both serve, one page counts for both, and nothing is lost that need not when one dies or all leave. */
import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { test } from 'node:test';
import { takeOver, untilGone } from '../testing/gateway-process.ts';
import {
  agentOf,
  CLIENTS,
  healthOf,
  isAlive,
  metricsOf,
  requestsIn,
  startLoad,
  TWO,
  untilServing,
} from '../testing/several-workers.ts';
import { ask, startHandoverYard } from '../testing/test-handover.ts';

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

test('connections that arrive together lose no byte, whichever worker gets them', { timeout: 60_000 }, async (t) => {
  const { first } = await startHandoverYard(t, (asked, response) => void asked.pipe(response), TWO);
  await untilServing(first, 2);
  const brief = new Agent({ keepAlive: false });
  const bodies = Array.from({ length: 300 }, (_, nth) => `${nth} `.repeat(1_000));
  const answers = await Promise.all(bodies.map((body) => ask(brief, first.port, '/', body)));
  assert.ok(answers.every((said, nth) => said === `200 ${bodies[nth]}`));
});

test(
  'a worker that hangs keeps its last counts on the page',
  {
    timeout: 60_000,
  },
  async (t) => {
    const { first } = await startHandoverYard(t, (_asked, response) => response.end('got'), TWO);
    await untilServing(first, 2);
    const before = agentOf(t);
    await Promise.all(Array.from({ length: 100 }, () => ask(before, first.port, '/')));
    const counted = requestsIn(await metricsOf(first));
    const [, worker] = await healthOf(first);
    process.kill(worker!.pid!, 'SIGSTOP');
    t.after(() => isAlive(worker!.pid!) && process.kill(worker!.pid!, 'SIGKILL'));
    const page = await metricsOf(first);
    assert.ok(requestsIn(page) >= counted);
    assert.match(page, /^gateway_workers_silent 1$/m);
    process.kill(worker!.pid!, 'SIGCONT');
    await untilServing(first, 2);
    assert.match(await metricsOf(first), /^gateway_workers_silent 0$/m);
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
