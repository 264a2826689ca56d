/** Several services that go live in one epoch or not at all, and go back the same way. */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { ProbeYard } from '../traffic/probe-yard.ts';
import { startTraffic } from '../traffic/traffic.ts';
import type { Traffic } from '../traffic/traffic.ts';
import { ask, begin, ends, liveOf, nothingIsLeft, settle, tableOf } from './asked-swap.ts';
import type { Report } from './asked-swap.ts';

const GROUP = ['probe', 'snake'] as const;
const LOOK_EVERY_MS = 5;

let yard: ProbeYard;
let traffic: Traffic[];
let seen = [0, 0];

before(async () => {
  yard = await ProbeYard.create({ probes: { probe: 'node', snake: 'python' }, more: { bake: '1s', stopGrace: '1s' } });
  await yard.up();
  traffic = GROUP.map((service) =>
    startTraffic({
      origin: yard.origin,
      prefix: `/${service}`,
      ratePerSecond: 50,
      kinds: { get: 4, post: 1 },
      streams: 1,
      sockets: service === 'probe' ? 1 : 0,
      order: 'any',
    }),
  );
});
beforeEach(async () => {
  for (const service of GROUP) await yard.write(service, {});
});
afterEach(async () => {
  await settle(yard);
  const fresh = traffic.flatMap((each, index) => each.failures().slice(seen[index]));
  seen = traffic.map((each) => each.failures().length);
  assert.deepEqual(fresh, []);
});
after(async () => {
  const results = await Promise.all(traffic.map((each) => each.stop()));
  for (const result of results) assert.ok((await result.verify()).isGood);
  await yard.remove();
});

type Pair = readonly (string | null)[];
const livePair = async (): Promise<Pair> => Promise.all(GROUP.map((service) => liveOf(yard, service)));
const ofReport = ({ services }: Report, which: 'from' | 'to'): Pair =>
  GROUP.map((service) => services[service]![which]);

/** Every pair that is live at one moment while the work goes on. */
async function pairsDuring<T>(work: Promise<T>): Promise<{ readonly pairs: readonly Pair[]; readonly value: T }> {
  const pairs = new Map<string, Pair>();
  const over = new AbortController();
  const ended = work.finally(() => over.abort());
  ended.catch(() => undefined);
  while (!over.signal.aborted) {
    const { services } = await tableOf(yard);
    const pair = GROUP.map((service) => services[service]!.live);
    pairs.set(pair.join(' '), pair);
    await pause(LOOK_EVERY_MS);
  }
  return { pairs: [...pairs.values()], value: await ended };
}

test('two services go live in one epoch: never the one without the other', { timeout: 60_000 }, async () => {
  const before = await livePair();
  const { pairs, value } = await pairsDuring(ends(0, yard, 'swap', ...GROUP));
  assert.deepEqual(ofReport(value.report!, 'from'), before);
  assert.deepEqual(pairs, [before, ofReport(value.report!, 'to')]);
  await nothingIsLeft(yard);
});

for (const [service, settings] of [
  ['snake', { crashesAtBoot: true }],
  ['probe', { exitsAfterHealthyMs: 400 }],
] as const) {
  test(`a bad candidate of ${service} gives up both`, { timeout: 60_000 }, async () => {
    const before = await livePair();
    await yard.write(service, settings);
    const { pairs, value } = await pairsDuring(ends(3, yard, 'swap', ...GROUP));
    assert.match(value.report!.reason!, new RegExp(`^${service}-\\d+: ended with exit code 1$`));
    assert.deepEqual(pairs, [before]);
    await nothingIsLeft(yard);
  });
}

test('in its bake a group goes back together, and one of it alone is refused', { timeout: 60_000 }, async () => {
  const before = await livePair();
  const swap = begin(yard, 'swap', ...GROUP, '--bake', '30s');
  await swap.stage('drained');
  const after = await livePair();
  const alone = await ask(yard, 'rollback', 'probe');
  assert.ok(alone.code !== 0, alone.output);
  assert.match(alone.output, /probe and snake were swapped together/);
  assert.match(alone.output, /yard rollback probe snake/);
  assert.deepEqual(await livePair(), after);
  const { pairs, value } = await pairsDuring(ends(0, yard, 'rollback', ...GROUP));
  assert.deepEqual(pairs, [after, before]);
  console.log(`a group of two goes back in ${value.report!.revertMs} ms`);
  assert.equal((await swap.ended).code, 4);
  assert.deepEqual(await livePair(), before);
  await nothingIsLeft(yard);
});

test('after its bake a group goes back together too', { timeout: 60_000 }, async () => {
  const before = await livePair();
  await ends(0, yard, 'swap', ...GROUP);
  const after = await livePair();
  const { pairs } = await pairsDuring(ends(0, yard, 'rollback', ...GROUP));
  assert.deepEqual(pairs, [after, before]);
  await nothingIsLeft(yard);
});
