/** The last good table, and tables that go backwards. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServiceEntry, Table } from '@switchyard/contracts/registry';
import { KnownTable, REGRESSION_HOLD_MS } from './known-table.ts';

const instance = (id: string) => ({
  id,
  host: '127.0.0.1',
  port: 3010,
  endpoints: {},
  status: 'UP' as const,
  weight: 1,
  zone: '',
  metadata: {},
});
const entry = (live: string, ...ids: readonly string[]): ServiceEntry => ({
  declared: true,
  live,
  standby: null,
  split: null,
  deployments: { [live]: { version: '', side: null, routes: [], instances: ids.map(instance) } },
});
const table = (epoch: number, services: Table['services'], revision = epoch * 10): Table => ({
  epoch,
  revision,
  services,
});
const serving = (): KnownTable => {
  const known = new KnownTable();
  known.takeTable(table(5, { users: entry('users-1', 'u-1'), feeds: entry('feeds-1', 'f-1') }), 0);
  return known;
};

test('a change replaces the entries it names, removes those that are gone, and leaves the others as they are', () => {
  const known = serving();
  const feeds = known.table?.services['feeds'];
  const step = known.takeChange({ epoch: 6, revision: 61, services: { users: entry('users-2', 'u-2'), x: null } }, 1);
  assert.deepEqual([...(step?.changedServices ?? [])], ['users']);
  assert.equal(known.table?.services['feeds'], feeds);
  assert.equal(known.table?.epoch, 6);
  known.takeChange({ epoch: 6, revision: 62, services: { feeds: null } }, 2);
  assert.deepEqual(Object.keys(known.table?.services ?? {}), ['users']);
});

test('a whole table says which services differ from before, those that are gone included', () => {
  const step = serving().takeTable(table(6, { users: entry('users-1', 'u-1'), blog: entry('blog-1', 'b') }), 1);
  assert.deepEqual([...(step?.changedServices ?? [])].sort(), ['blog', 'feeds']);
});

test('a change before any table is ignored', () => {
  const known = new KnownTable();
  assert.equal(known.takeChange({ epoch: 1, revision: 1, services: {} }, 0), null);
  assert.equal(known.table, null);
});

test('an empty table of a registry that lost its state does not take the last good one off the road', () => {
  const known = serving();
  assert.equal(known.takeTable(table(0, {}), 100), null);
  assert.equal(known.table?.epoch, 5);
});

test('a lower epoch is believed as soon as everything that is served has a live instance in it', () => {
  const known = serving();
  known.takeTable(table(0, {}), 100);
  assert.equal(known.takeChange({ epoch: 1, revision: 1, services: { users: entry('users-1', 'u-9') } }, 200), null);
  const step = known.takeChange({ epoch: 2, revision: 2, services: { feeds: entry('feeds-1', 'f-9') } }, 300);
  assert.equal(step?.table.epoch, 2);
  assert.deepEqual([...(step?.changedServices ?? [])].sort(), ['feeds', 'users']);
});

test('a lower epoch is believed after the hold, whatever it lacks', () => {
  const known = serving();
  known.takeTable(table(0, {}), 100);
  assert.equal(known.takeHeld(100 + REGRESSION_HOLD_MS - 1), null);
  assert.equal(known.takeHeld(100 + REGRESSION_HOLD_MS)?.table.epoch, 0);
  assert.equal(known.heldUntilMs, null);
});

test('reconnecting again and again does not prolong the hold', () => {
  const known = serving();
  known.takeTable(table(0, {}), 100);
  known.takeTable(table(0, {}), 5_000);
  assert.equal(known.heldUntilMs, 100 + REGRESSION_HOLD_MS);
});
