/** What is seen only when people come: a new deployment that fails or is slow is taken back by itself, one that is no worse than the old one stays. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, test } from 'node:test';
import type { ProbeSettings } from '../traffic/probe-files.ts';
import { ProbeYard } from '../traffic/probe-yard.ts';
import { startTraffic } from '../traffic/traffic.ts';
import type { Traffic, TrafficOptions, TrafficResult } from '../traffic/traffic.ts';
import { ends, idlePort, liveOf, nothingIsLeft } from './asked-swap.ts';
import type { EndedSwap } from './asked-swap.ts';

/** Longer than the window by which a deployment is judged. */
const BAKE = '20s';
const REVERT_MS = 5_000;

let yard: ProbeYard;

before(async () => {
  yard = await ProbeYard.create({
    probes: { probe: 'node', snake: 'python' },
    more: { bake: BAKE, stopGrace: '1s', drainTimeout: '5s' },
  });
  await yard.up();
});
after(() => yard.remove());

interface Loaded<T> {
  readonly value: T;
  readonly result: TrafficResult;
}

/** Work under load of quick requests: what is judged are their figures. */
async function underLoad<T>(
  service: string,
  work: (traffic: Traffic) => Promise<T>,
  more: Partial<TrafficOptions> = {},
): Promise<Loaded<T>> {
  const streams = { streams: 1, sockets: service === 'snake' ? 0 : 1 };
  const traffic = startTraffic({
    origin: yard.origin,
    prefix: `/${service}`,
    kinds: { get: 4, post: 1 },
    ...streams,
    ...more,
  });
  try {
    const value = await work(traffic);
    return { value, result: await traffic.stop() };
  } catch (error) {
    await traffic.stop();
    throw error;
  }
}

/** Makes a deployment with these settings live, without a bake. */
async function becomes(service: string, settings: ProbeSettings): Promise<string> {
  await yard.write(service, settings);
  const { report } = await ends(0, yard, 'swap', service, '--bake', '0s');
  return report!.services[service]!.to!;
}

function assertReverted({ report, output }: EndedSwap, because: RegExp): void {
  assert.equal(report!.outcome, 'reverted', output);
  assert.match(report!.reason!, because);
  assert.ok(report!.timeline.some(({ stage }) => stage === 'committed'));
}

for (const service of ['probe', 'snake']) {
  test(
    `a new deployment of ${service} that is well and then answers 500 is taken back soon`,
    { timeout: 90_000 },
    async () => {
      const live = await becomes(service, {});
      await yard.write(service, { failsAfterRequests: 60 });
      const { value, result } = await underLoad(service, (traffic) => {
        traffic.expectReturn();
        return ends(4, yard, 'swap', service);
      });
      assertReverted(
        value,
        /^(probe|snake)-\d+ is worse than (probe|snake)-\d+: \d+ of \d+ requests failed \(\d+(\.\d)? %\)/,
      );
      assert.match(value.report!.lines.join('\n'), /listens/);
      assert.equal(await liveOf(yard, service), live);
      const bad = value.report!.services[service]!.to;
      const isByBad = ({ cause, deployment, reason }: TrafficResult['failures'][number]) =>
        (cause === 'status' && deployment === bad) || /500/.test(reason);
      assert.deepEqual(
        result.failures.filter((failure) => !isByBad(failure)),
        [],
      );
      const times = result.failures.map(({ atMs }) => atMs);
      const tookMs = Math.max(...times) - Math.min(...times);
      console.log(
        `${service}: the last 500 came ${Math.round(tookMs)} ms after the first, ${times.length} of ${result.sent} requests failed; taken back in ${value.report!.revertMs} ms`,
      );
      assert.ok(times.length > 0 && tookMs < REVERT_MS, `${tookMs} ms`);
      assert.ok((await result.verify()).isGood);
      await nothingIsLeft(yard);
    },
  );
}

test(
  'a new deployment that is ten times slower is taken back, and no request fails',
  { timeout: 120_000 },
  async () => {
    const live = await becomes('probe', { slowMs: 20 });
    await yard.write('probe', { slowMs: 200 });
    const { value, result } = await underLoad('probe', (traffic) => {
      traffic.expectReturn();
      return ends(4, yard, 'swap', 'probe');
    });
    assertReverted(value, /requests took \d+ ms on average within ten seconds; on probe-\d+ it was \d+(\.\d)? ms$/);
    assert.deepEqual(result.failures, []);
    assert.equal(await liveOf(yard), live);
    const at = (name: string) => value.report!.timeline.find(({ stage }) => stage === name)!.atMs;
    console.log(`ten times slower: seen ${at('reverting') - at('committed')} ms after the commit`);
    await nothingIsLeft(yard);
  },
);

test('one that nobody asks anything stays', { timeout: 60_000 }, async () => {
  await yard.write('probe', {});
  const { report } = await ends(0, yard, 'swap', 'probe', '--bake', '3s');
  assert.equal(await liveOf(yard), report!.services['probe']!.to);
});

test('one that fails as often as the one before stays', { timeout: 120_000 }, async () => {
  await becomes('probe', { failsEvery: 10 });
  // Streams and sockets aside: a tenth of them would not be opened.
  const { value, result } = await underLoad('probe', () => ends(0, yard, 'swap', 'probe', '--bake', '12s'), {
    streams: 0,
    sockets: 0,
  });
  assert.equal(value.report!.outcome, 'done');
  assert.ok(result.failures.length > result.sent / 20, `${result.failures.length} of ${result.sent}`);
  assert.ok(result.failures.every(({ reason }) => reason === 'status 500'));
  assert.equal(await liveOf(yard), value.report!.services['probe']!.to);
});

for (const service of ['probe', 'snake']) {
  test(
    `an old deployment of ${service} that hangs on SIGTERM is killed after its grace, and its port is free`,
    { timeout: 90_000 },
    async () => {
      const old = await becomes(service, { onStop: 'ignore' });
      const { pid } = (await yard.status()).services[service]!.instances[0]!;
      await yard.write(service, {});
      const { value, result } = await underLoad(service, () => ends(0, yard, 'swap', service, '--bake', '1s'));
      assert.deepEqual(result.failures, []);
      assert.equal(value.report!.services[service]!.from, old);
      assert.ok(!existsSync(`/proc/${pid}`), 'the old process has gone');
      await nothingIsLeft(yard);
      const port = await idlePort(yard, service);
      await ends(0, yard, 'swap', service, '--bake', '0s');
      assert.equal((await yard.status()).services[service]!.instances[0]!.port, port);
    },
  );
}
