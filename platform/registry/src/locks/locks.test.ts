/** Locks, their lapse and their fencing tokens, with what is live beside them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '@switchyard/kit/clock';
import { isRefusal, RefusedRequest } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import { createLogger } from '@switchyard/kit/log';
import { emptyState, liveState, withLive } from '../live/live-state.ts';
import type { LiveState } from '../live/live-state.ts';
import { LiveStore } from '../live/live-store.ts';
import { LockHeld, Locks } from './locks.ts';

const log = createLogger({ service: 'test', level: 'silent' });

/** Services `users`, `feeds` and s0, s1, …; the state is on `disk`, which a second set-up can begin with. */
function setUp(disk: { state: LiveState; isFull?: boolean; saves?: number } = { state: emptyState }, wallClockMs = 0) {
  const clock = new FakeClock();
  const live = new LiveStore({
    state: disk.state,
    saver: {
      save: (state) => {
        if (disk.isFull === true) return Promise.reject(new Error('full'));
        disk.state = state;
        disk.saves = (disk.saves ?? 0) + 1;
        return Promise.resolve();
      },
    },
    revision: () => 0,
    onSaved: (state) => locks.apply(state),
    log,
  });
  const locks = new Locks({
    live,
    isKnown: (_state, service) => /^(?:users|feeds|s\d+)$/.test(service),
    clock,
    wallClockMs: () => wallClockMs,
    log,
  });
  locks.apply(disk.state);
  const saidOf = <T>(result: T | Refusal) =>
    result instanceof LockHeld
      ? { heldBy: result.holder, expiresInMs: result.expiresInMs }
      : isRefusal(result)
        ? result.error.code
        : result;
  const take = async (holder: string, service = 'users', ttlMs = 10_000) => {
    const taken = await locks.take(service, holder, ttlMs);
    return isRefusal(taken) ? saidOf(taken) : taken.token;
  };
  const renew = async (holder: string, ttlMs = 10_000) => {
    const renewed = await locks.renew('users', holder, ttlMs);
    return isRefusal(renewed) ? saidOf(renewed) : renewed.token;
  };
  const release = async (holder: string) => saidOf(await locks.release('users', holder));
  /** The epoch, or why not. */
  const change = async (tokens: Record<string, number>, services: readonly string[] = ['users']) => {
    const changes = Object.fromEntries(
      services.map((name) => [name, { live: `${name}-1`, standby: null, split: null }]),
    );
    const result = await live.change(
      (state) => locks.refusalToChange(state, { changes, locks: tokens }) ?? withLive(state, changes),
    );
    return isRefusal(result) ? saidOf(result) : result.epoch;
  };
  return { clock, disk, live, locks, take, renew, release, change };
}

test('one holds the lock; everybody else is told who, and for how long at most', async () => {
  const { take, renew, release, clock } = setUp();
  assert.equal(await take('swap-1'), 1);
  await clock.advance(4_000);
  const held = { heldBy: 'swap-1', expiresInMs: 6_000 };
  assert.deepEqual(await take('swap-2'), held);
  assert.deepEqual(await renew('swap-2'), held);
  assert.deepEqual(await release('swap-2'), held);
  assert.equal(await take('swap-2', 'feeds'), 2, 'another service has its own');
});

test('of fifty who ask at once, one gets it', async () => {
  const { take } = setUp();
  const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => take(`swap-${index}`)));
  assert.equal(answers.filter((answer) => typeof answer === 'number').length, 1);
  assert.deepEqual(answers[49], { heldBy: 'swap-0', expiresInMs: 10_000 });
});

test('whoever has it and takes it again gets a new token, and the one before is of no lock any more', async () => {
  const { take, change } = setUp();
  assert.equal(await take('swap-1'), 1);
  assert.equal(await take('swap-1'), 2);
  assert.equal(await change({ users: 1 }), 'REGISTRY_LOCK_UNKNOWN');
  assert.equal(await change({ users: 2 }), 1);
});

test('a lock that is not renewed lapses, and what its former holder sends is refused', async () => {
  const { take, renew, change, clock, disk, locks } = setUp();
  assert.equal(await take('swap-1'), 1);
  await clock.advance(9_999);
  assert.equal(await change({ users: 1 }), 1);
  await clock.advance(1);
  assert.deepEqual([disk.state.locks, locks.count], [{}, 0]);
  assert.equal(await change({ users: 1 }), 'REGISTRY_LOCK_UNKNOWN');
  assert.equal(await renew('swap-1'), 'REGISTRY_LOCK_UNKNOWN');
  assert.equal(await take('swap-2'), 2);
  assert.equal(await change({ users: 1 }), 'REGISTRY_LOCK_UNKNOWN');
});

test('renewals keep lock and token, and write nothing', async () => {
  const { take, renew, change, clock, disk } = setUp();
  const token = await take('swap-1');
  const savesBefore = disk.saves;
  for (let times = 0; times < 10; times += 1) {
    await clock.advance(8_000);
    assert.equal(await renew('swap-1'), token);
  }
  assert.equal(disk.saves, savesBefore);
  assert.equal(await change({ users: 1 }), 1);
});

test('a service whose lock is held changes by its token alone; others need none', async () => {
  const { take, change } = setUp();
  await take('swap-1');
  assert.deepEqual(await change({}), { heldBy: 'swap-1', expiresInMs: 10_000 });
  assert.deepEqual(await change({}, ['feeds', 'users']), { heldBy: 'swap-1', expiresInMs: 10_000 });
  assert.equal(await change({}, ['feeds']), 1);
  assert.equal(await change({ users: 1 }, ['feeds', 'users']), 2);
  assert.equal(await change({ users: 1 }, ['feeds']), 3, 'a lock may be shown for more than what changes');
  assert.equal(await change({ users: 1, feeds: 1 }), 'REGISTRY_LOCK_UNKNOWN');
  assert.equal(await change({ feeds: 1 }, ['feeds']), 'REGISTRY_LOCK_UNKNOWN', 'a token is of its own service');
});

test('a lock is released by its holder, at once free, and released again without harm', async () => {
  const { take, release, change } = setUp();
  await take('swap-1');
  assert.equal(await release('swap-1'), null);
  assert.equal(await change({ users: 1 }), 'REGISTRY_LOCK_UNKNOWN');
  assert.equal(await release('swap-1'), null);
  assert.equal(await release('swap-7'), null);
  assert.equal(await take('swap-2'), 2);
});

test('a change, a release and a new lock that wait for the disk together are decided in their order', async () => {
  const { take, release, change } = setUp();
  await take('swap-1');
  const [changed, released, taken, stale, own] = await Promise.all([
    change({ users: 1 }),
    release('swap-1'),
    take('swap-2'),
    change({ users: 1 }),
    change({ users: 2 }),
  ]);
  assert.deepEqual([changed, released, taken, stale, own], [1, null, 2, 'REGISTRY_LOCK_UNKNOWN', 2]);
});

test('after a restart a lock is held with its whole ttl before it, and renewed and used with the token of before', async () => {
  const before = setUp();
  const token = await before.take('swap-1');
  await before.clock.advance(9_000);
  before.locks.stop();
  const { take, renew, change, clock } = setUp({
    state: liveState.parse(JSON.parse(JSON.stringify(before.disk.state))),
  });
  assert.deepEqual(await take('swap-2'), { heldBy: 'swap-1', expiresInMs: 10_000 });
  assert.equal(await change({ users: 1 }), 1);
  assert.equal(await renew('swap-1'), token);
  await clock.advance(10_000);
  assert.equal(await take('swap-2'), 2);
});

test('a ttl that a renewal changes is the one that counts after a restart', async () => {
  const before = setUp();
  await before.take('swap-1');
  await before.renew('swap-1', 60_000);
  const { take } = setUp(before.disk);
  assert.deepEqual(await take('swap-2'), { heldBy: 'swap-1', expiresInMs: 60_000 });
});

test('a token is larger than every one before, also after a restart without any lock, and after the state was lost', async () => {
  const first = setUp();
  for (let times = 0; times < 3; times += 1) {
    await first.take('swap-1');
    await first.release('swap-1');
  }
  assert.equal(await setUp(first.disk).take('swap-2'), 4);
  assert.equal(await setUp({ state: emptyState }, 1_790_000_000_000.5).take('swap-3'), 1_790_000_000_000);
});

test('a lock that cannot be saved is not given; one that lapses on a full disk is free all the same', async () => {
  const disk: Parameters<typeof setUp>[0] = { state: emptyState, isFull: true };
  const { take, change, clock } = setUp(disk);
  await assert.rejects(take('swap-1'), RefusedRequest);
  disk.isFull = false;
  assert.equal(await change({}), 1);
  assert.equal(await take('swap-1'), 1);
  disk.isFull = true;
  await clock.advance(10_000);
  disk.isFull = false;
  assert.equal(await change({}), 2);
  assert.equal(await take('swap-2'), 2);
});

test('a service that is not there has no lock, but the parts of the yard have', async () => {
  const { take } = setUp();
  assert.equal(await take('swap-1', 'nobody'), 'REGISTRY_SERVICE_UNKNOWN');
  assert.equal(await take('swap-1', 'gateway'), 1);
  assert.equal(await take('swap-1', 'registry'), 2);
});

test('there are at most a thousand locks; one that is held can be taken again by its holder', async () => {
  const { take, locks } = setUp();
  await Promise.all(Array.from({ length: 1_000 }, (_, index) => take('swap-1', `s${index}`)));
  assert.equal(await take('swap-1', 's1000'), 'REGISTRY_FULL');
  assert.equal(await take('swap-1', 's7'), 1_001);
  assert.equal(locks.count, 1_000);
  locks.stop();
});
