/** Who is taken for free of requests. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Watchers } from '@switchyard/contracts/registry';
import { inFlightOn } from './in-flight.ts';

const watcher = (more: Partial<Watchers['watchers'][number]>): Watchers['watchers'][number] => ({
  id: 'gateway-1.1.000000000000',
  role: 'gateway',
  connected: true,
  epoch: 7,
  inFlight: {},
  traffic: {},
  leaseExpiresInMs: 10_000,
  ...more,
});

test('requests in flight are those of all who route, on the deployments that are asked for', () => {
  const watchers = [watcher({ inFlight: { 'users-1': 2, 'users-2': 5 } }), watcher({ inFlight: { 'users-1': 1 } })];
  assert.equal(inFlightOn(['users-1'], watchers), 3);
  assert.equal(inFlightOn(['users-1', 'users-2'], watchers), 8);
  assert.equal(inFlightOn(['users-3'], watchers), 0);
});

test('nothing is drained while somebody who routes has said nothing yet', () => {
  assert.equal(inFlightOn(['users-1'], [watcher({}), watcher({ epoch: null })]), 1);
});

test('who has no lease any more counts for nothing', () => {
  const gone = { leaseExpiresInMs: 0, connected: false };
  assert.equal(
    inFlightOn(['users-1'], [watcher({ ...gone, epoch: null }), watcher({ ...gone, inFlight: { 'users-1': 4 } })]),
    0,
  );
});
