/** Who is removed when, and who is not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '@switchyard/kit/clock';
import { createLogger } from '@switchyard/kit/log';
import { Leases } from './leases.ts';
import type { ProbeOutcome } from './probe.ts';

const LEASE_MS = 10_000;

/** Leases on a clock that stands still; `answers` says what a probe of an instance finds, refused when nothing is said. */
function setUp(count: number, leaseMs = LEASE_MS) {
  const clock = new FakeClock();
  const answers = new Map<string, ProbeOutcome>();
  const evicted = new Map<string, { atMs: number; reason: string }>();
  const probed: string[] = [];
  const leases = new Leases({
    clock,
    probe: (target) => {
      probed.push(target.id);
      return Promise.resolve(answers.get(target.id) ?? 'refused');
    },
    onEvict: (id, reason) => evicted.set(id, { atMs: clock.nowMs(), reason }),
    log: createLogger({ service: 'test', level: 'fatal' }),
  });
  const ids = Array.from({ length: count }, (_, index) => `i-${index}`);
  for (const id of ids) leases.put({ id, host: '127.0.0.1', port: 1, health: undefined }, leaseMs);
  /** Time passes while `alive` renew at a third of their lease, as clients do. */
  const live = async (alive: readonly string[], forMs: number): Promise<void> => {
    for (let passedMs = 0; passedMs < forMs; passedMs += leaseMs / 3) {
      for (const id of alive) leases.renew(id);
      await clock.advance(Math.min(leaseMs / 3, forMs - passedMs));
    }
  };
  return { clock, leases, answers, evicted, probed, ids, live };
}

test('an instance that renews stays, and is never probed', async () => {
  const { ids, live, evicted, probed } = setUp(3);
  await live(ids, 20 * LEASE_MS);
  assert.equal(evicted.size, 0);
  assert.deepEqual(probed, []);
});

for (const count of [1, 2, 3, 4, 10, 1_000]) {
  test(`of ${count} instances, one that dies is removed within 1.5 leases, and no other`, async () => {
    const { ids, live, evicted } = setUp(count);
    const [dead, ...alive] = ids;
    await live(alive, 1.5 * LEASE_MS);
    assert.deepEqual([...evicted.keys()], [dead]);
    assert.ok(evicted.get(dead!)!.atMs <= 1.5 * LEASE_MS);
    await live(alive, 20 * LEASE_MS);
    assert.equal(evicted.size, 1);
  });
}

for (const [silent, count] of [
  [2, 2],
  [2, 4],
  [3, 10],
  [30, 100],
  [100, 100],
  [3_000, 10_000],
] as const) {
  test(`when ${silent} of ${count} fall silent at once, none of them is removed`, async () => {
    const { ids, live, evicted } = setUp(count);
    await live(ids.slice(silent), 5 * LEASE_MS);
    assert.equal(evicted.size, 0);
  });
}

test('fewer than 30 % that die at once are all removed within 1.5 leases', async () => {
  const { ids, live, evicted } = setUp(100);
  await live(ids.slice(29), 1.5 * LEASE_MS);
  assert.equal(evicted.size, 29);
});

test('silence that spreads over a third of a lease, as renewals do, is one silence', async () => {
  const { clock, leases, ids, evicted } = setUp(10);
  for (const id of ids) {
    leases.renew(id);
    await clock.advance(LEASE_MS / 30);
  }
  await clock.advance(5 * LEASE_MS);
  assert.equal(evicted.size, 0);
});

test('one that dies while others are held by mass silence is removed all the same', async () => {
  const { ids, live, evicted } = setUp(20);
  await live(ids.slice(10), 5 * LEASE_MS);
  assert.equal(evicted.size, 0);
  await live(ids.slice(11), 1.5 * LEASE_MS);
  assert.deepEqual([...evicted.keys()], ['i-10']);
});

test('those that die one after the other are removed one after the other', async () => {
  const { ids, live, evicted } = setUp(4);
  for (let dead = 1; dead <= 4; dead += 1) {
    await live(ids.slice(dead), 3 * LEASE_MS);
    assert.equal(evicted.size, dead);
  }
});

test('who is held by mass silence and renews again lives on as if nothing had been', async () => {
  const { ids, live, evicted, leases } = setUp(10);
  await live(ids.slice(5), 5 * LEASE_MS);
  assert.equal(leases.silentCount, 5);
  await live(ids, 5 * LEASE_MS);
  assert.equal(leases.silentCount, 0);
  assert.equal(evicted.size, 0);
});

test('when enough of a mass silence come back, the others are not company any more and are removed', async () => {
  const { ids, live, evicted } = setUp(10);
  await live(ids.slice(3), 3 * LEASE_MS);
  await live(ids.slice(1), 3 * LEASE_MS);
  assert.deepEqual([...evicted.keys()], ['i-0']);
});

test('in mass silence, two minutes and ten leases of refused connections prove a death', async () => {
  const { ids, live, evicted } = setUp(4);
  await live(ids.slice(2), 119_000);
  assert.equal(evicted.size, 0);
  await live(ids.slice(2), 30_000);
  assert.deepEqual(
    [...evicted.values()].map(({ reason }) => reason),
    ['refused-throughout', 'refused-throughout'],
  );
});

test('in mass silence, nobody is taken for dead because the network gives no answer, for an hour', async () => {
  const { ids, live, answers, evicted } = setUp(4);
  answers.set('i-0', 'silent').set('i-1', 'silent');
  await live(ids.slice(2), 3_590_000);
  assert.equal(evicted.size, 0);
  await live(ids.slice(2), 60_000);
  assert.equal(evicted.size, 2);
});

test('another instance at its address proves a death at once, mass silence or not', async () => {
  const { clock, answers, ids, evicted } = setUp(4);
  for (const id of ids) answers.set(id, 'replaced');
  await clock.advance(LEASE_MS + 1);
  assert.deepEqual(
    [...evicted.values()].map(({ reason }) => reason),
    ids.map(() => 'replaced'),
  );
});

test('an instance that nobody renews stays while it answers its probes, and goes when it does not', async () => {
  const { clock, answers, evicted, live, ids, leases } = setUp(5);
  answers.set('i-0', 'well');
  await live(ids.slice(1), 50 * LEASE_MS);
  assert.equal(evicted.size, 0);
  assert.equal(leases.silentCount, 0);
  answers.delete('i-0');
  const beforeMs = clock.nowMs();
  await live(ids.slice(1), 1.5 * LEASE_MS);
  assert.deepEqual([...evicted.keys()], ['i-0']);
  assert.ok(evicted.get('i-0')!.atMs - beforeMs <= 1.5 * LEASE_MS);
});

test('instances that live by their probes are not counted as silent: a death among them is one death', async () => {
  const { answers, evicted, live, ids } = setUp(4);
  for (const id of ids.slice(0, 3)) answers.set(id, 'well');
  await live(ids.slice(3), 5 * LEASE_MS);
  answers.delete('i-0');
  await live(ids.slice(3), 1.5 * LEASE_MS);
  assert.deepEqual([...evicted.keys()], ['i-0']);
});

test('one probe that fails by chance removes nobody', async () => {
  const { clock, answers, evicted, live, ids } = setUp(4);
  await live(ids.slice(1), LEASE_MS + 100);
  answers.set('i-0', 'well');
  await live(ids.slice(1), 5 * LEASE_MS);
  assert.equal(evicted.size, 0);
  assert.ok(clock.nowMs() > 0);
});

test('a renewal that arrives while a probe is under way counts, whatever the probe finds', async () => {
  const clock = new FakeClock();
  const probes: ((outcome: ProbeOutcome) => void)[] = [];
  const evicted: string[] = [];
  const leases = new Leases({
    clock,
    probe: () => new Promise((resolve) => probes.push(resolve)),
    onEvict: (id) => evicted.push(id),
    log: createLogger({ service: 'test', level: 'fatal' }),
  });
  leases.put({ id: 'a', host: '127.0.0.1', port: 1, health: undefined }, 1_000);
  await clock.advance(1_000);
  assert.equal(probes.length, 1);
  assert.equal(leases.renew('a'), 1_000);
  probes[0]!('refused');
  await clock.advance(900);
  assert.deepEqual(evicted, []);
  assert.equal(leases.silentCount, 0);
  await clock.advance(200);
  assert.equal(probes.length, 2, 'it is probed again when its new lease runs out');
});

test('who left by itself or was registered anew leaves no silence behind', async () => {
  const { live, ids, leases, evicted } = setUp(10);
  await live(ids.slice(5), 3 * LEASE_MS);
  for (const id of ids.slice(0, 5)) leases.drop(id);
  assert.equal(leases.silentCount, 0);
  await live(ids.slice(5), 20 * LEASE_MS);
  assert.equal(evicted.size, 0);
});

test('the shortest lease keeps the promise too: gone within 1.5 s', async () => {
  const { live, ids, evicted } = setUp(2, 1_000);
  await live(ids.slice(1), 1_500);
  assert.deepEqual([...evicted.keys()], ['i-0']);
});

test('ten thousand leases that are renewed cost no probe and no work but their own', async () => {
  const { live, ids, probed, evicted, clock } = setUp(10_000, 30_000);
  await live(ids, 300_000);
  assert.deepEqual([probed.length, evicted.size], [0, 0]);
  assert.equal(clock.pending, 1, 'one timer for all of them');
});
