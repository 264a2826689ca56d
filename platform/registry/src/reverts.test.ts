/** Taking a change of what is live back, in whatever order the candidate, its lease and the registry have died before. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { registration } from '@switchyard/contracts/registry';
import type { LiveChangeInput } from '@switchyard/contracts/registry';
import { isRefusal } from '@switchyard/kit/errors';
import type { NotedInstance } from './live/checkpoint.ts';
import { operator, setUp } from './testing/registry-in-memory.ts';

type Entry = LiveChangeInput['changes'][string];
const OLD = 'users-1';
const NEW = 'users-2';
const of = (deployment: string) => ({ service: 'users', deployment, port: 3010, leaseMs: 1_000 });

/** Locked, `users-1` live and answering, `users-2` beside it, whose process is dead unless it says otherwise; then `entry` at epoch 2. */
async function changedTo(entry: Entry) {
  const yard = await setUp({ answers: { old: 'well' } });
  const { registry, register, setLive } = yard;
  await yard.declare({ users: {} });
  await register('old', of(OLD), operator);
  await register('new', of(NEW), operator);
  const lock = await registry.locks.take('users', 'swap-1', 600_000);
  assert.ok(!isRefusal(lock));
  const change = (next: Entry, expect: number) => setLive({ users: next }, expect, { users: lock.token });
  assert.equal(await change({ live: OLD }, 0), 1);
  assert.equal(await change(entry, 1), 2);
  const lives = (deployment: string): boolean => registry.table.service('users')!.hasInstances(deployment);
  return { ...yard, change, lives };
}

const COMMITTED: Entry = { live: NEW, standby: OLD };
const CHANGES: Readonly<Record<string, Entry>> = {
  'a commit': COMMITTED,
  'a canary': { live: OLD, split: { [OLD]: 90, [NEW]: 10 } },
  'a preview': { live: OLD, split: { [OLD]: 100, [NEW]: 0 } },
};
/** The old one alone; the candidate kept for whoever wants to look at it. */
const REVERTS: readonly Entry[] = [{ live: OLD }, { live: OLD, standby: NEW }];

for (const [what, entry] of Object.entries(CHANGES)) {
  for (const revert of REVERTS) {
    const how = revert.standby == null ? 'taken back' : 'taken back to a standby';
    test(`${what} is ${how} while the candidate is dead and nobody has noticed`, async () => {
      const { change, lives } = await changedTo(entry);
      assert.ok(lives(NEW));
      assert.equal(await change(revert, 2), 3);
    });

    test(`${what} is ${how} after the candidate was removed, because its lease ran out`, async () => {
      const { change, lives, clock } = await changedTo(entry);
      await clock.advance(5_000);
      assert.deepEqual([lives(OLD), lives(NEW)], [true, false]);
      assert.equal(await change(revert, 2), 3);
    });

    test(`${what} is ${how} after the operator removed the candidate`, async () => {
      const { change, lives, registry } = await changedTo(entry);
      assert.equal(await registry.deregister('new', operator), null);
      assert.ok(!lives(NEW));
      assert.equal(await change(revert, 2), 3);
    });
  }
}

test('a candidate that is removed after it was taken back to a standby is dropped from there', async () => {
  const { change, registry, read } = await changedTo(COMMITTED);
  assert.equal(await change({ live: OLD, standby: NEW }, 2), 3);
  await registry.deregister('new', operator);
  assert.equal(await change({ live: OLD, standby: NEW }, 3), 4, 'it may also stay one');
  assert.equal(await change({ live: OLD }, 4), 5);
  assert.deepEqual(Object.keys(read().services['users']?.deployments ?? {}), [OLD]);
});

test('when the old one has died too, nothing is taken back to it, and the new one can still be freed of it', async () => {
  const { change, registry } = await changedTo(COMMITTED);
  await registry.deregister('old', operator);
  assert.equal(await change({ live: OLD }, 2), 'REGISTRY_DEPLOYMENT_EMPTY');
  assert.equal(await change({ live: NEW }, 2), 3);
});

test('when both have died, the service can be stopped, and goes back to the one that returns', async () => {
  const { change, registry, register } = await changedTo(COMMITTED);
  for (const id of ['old', 'new']) await registry.deregister(id, operator);
  assert.equal(await change({ live: OLD }, 2), 'REGISTRY_DEPLOYMENT_EMPTY');
  await register('old', of(OLD), operator);
  assert.equal(await change({ live: OLD }, 2), 3);
  assert.equal(await change({ live: null }, 3), 4);
});

test('a registry that comes back after the candidate died takes back at once, and then waits for it no longer', async () => {
  const before = await changedTo(COMMITTED);
  const noted = ['old', 'new'].map((id): NotedInstance => ({
    id,
    registration: registration.parse(of(id === 'old' ? OLD : NEW)),
  }));
  const { registry, setLive, clock } = await setUp({ state: before.disk.state, noted, answers: { old: 'well' } });
  await clock.advance(0);
  assert.ok(registry.refusalToRead('table') !== null, 'what is live is not there');
  assert.deepEqual(registry.decisions(), {
    epoch: 2,
    services: { users: { live: NEW, standby: OLD, split: null } },
  });
  const lock = await registry.locks.take('users', 'swap-1', 600_000);
  assert.ok(!isRefusal(lock));
  assert.equal(await setLive({ users: { live: OLD } }, 2, { users: lock.token }), 3);
  assert.equal(registry.refusalToRead('table'), null);
});
