/** Who routes by the table, and how long we believe it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { watchers as watchersSchema } from '@switchyard/contracts/registry';
import { FakeClock } from '@switchyard/kit/clock';
import { Watchers } from './watchers.ts';

const setUp = (max = 10) => {
  const clock = new FakeClock();
  const watchers = new Watchers(clock, max);
  const list = () => watchersSchema.parse(JSON.parse(watchers.json)).watchers;
  return { clock, watchers, list };
};

test('a watcher has acknowledged nothing until it says so', () => {
  const { watchers, list } = setUp();
  watchers.seen('gw-1', 'gateway');
  watchers.opened('gw-1');
  assert.deepEqual(list(), [
    { id: 'gw-1', role: 'gateway', connected: true, epoch: null, inFlight: {}, traffic: {}, leaseExpiresInMs: 10_000 },
  ]);
  assert.equal(watchers.acknowledge('gw-1', { epoch: 4, inFlight: { 'users-1': 2 }, traffic: {} }), true);
  assert.deepEqual([list()[0]?.epoch, list()[0]?.inFlight], [4, { 'users-1': 2 }]);
});

test('what a watcher has sent to each deployment is listed as it said it last', () => {
  const { watchers, list } = setUp();
  watchers.seen('gw-1', 'gateway');
  const said = { 'users-1': { requests: 12, failed: 1, latencyMs: 34.5 } };
  watchers.acknowledge('gw-1', { epoch: 4, inFlight: {}, traffic: { 'users-0': said['users-1'] } });
  watchers.acknowledge('gw-1', { epoch: 4, inFlight: {}, traffic: said });
  assert.deepEqual(list()[0]?.traffic, said);
});

test('an open connection alone does not renew the lease, but keeps the watcher listed', async () => {
  const { clock, watchers, list } = setUp();
  watchers.seen('gw-1', 'gateway');
  watchers.opened('gw-1');
  await clock.advance(60_000);
  assert.equal(list()[0]?.leaseExpiresInMs, 0);
  watchers.acknowledge('gw-1', { epoch: 1, inFlight: {}, traffic: {} });
  assert.equal(list()[0]?.leaseExpiresInMs, 10_000);
});

test('a watcher that is gone is listed until its lease runs out', async () => {
  const { clock, watchers, list } = setUp();
  watchers.seen('gw-1', 'gateway');
  watchers.opened('gw-1');
  await clock.advance(4_000);
  watchers.acknowledge('gw-1', { epoch: 1, inFlight: {}, traffic: {} });
  watchers.closed('gw-1');
  await clock.advance(9_999);
  assert.equal(list()[0]?.connected, false);
  await clock.advance(1);
  assert.deepEqual(list(), []);
  assert.equal(watchers.acknowledge('gw-1', { epoch: 1, inFlight: {}, traffic: {} }), false);
});

test('a second connection of the same watcher outlives the first', async () => {
  const { clock, watchers, list } = setUp();
  for (let connection = 0; connection < 2; connection += 1) {
    watchers.seen('gw-1', 'gateway');
    watchers.opened('gw-1');
  }
  watchers.closed('gw-1');
  await clock.advance(20_000);
  assert.equal(list()[0]?.connected, true);
});

test('there are no more watchers than allowed, and room again when leases run out', async () => {
  const { clock, watchers } = setUp(2);
  assert.deepEqual(
    ['a', 'b', 'c'].map((id) => watchers.seen(id, 'client')),
    [true, true, false],
  );
  await clock.advance(10_000);
  assert.equal(watchers.seen('c', 'client'), true);
});
