/** What may become live, and what a declaration does. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { declarations, liveChange, registration } from '@switchyard/contracts/registry';
import type { LiveChangeInput } from '@switchyard/contracts/registry';
import { isRefusal } from '@switchyard/kit/errors';
import { RoutingTable } from '../table/routing-table.ts';
import { declared, followed, liveChanged } from './live-decisions.ts';
import { emptyState, withLive } from './live-state.ts';
import type { LiveState } from './live-state.ts';

/** `users-1: 1` is one instance that is UP. */
function tableOf(instances: Record<string, number>, status: 'UP' | 'STARTING' = 'UP'): RoutingTable {
  const table = new RoutingTable({ firstRevision: 0, onChange: () => {} });
  for (const [deployment, count] of Object.entries(instances))
    for (let index = 0; index < count; index += 1)
      table.put(
        `${deployment}-${index}`,
        registration.parse({ service: deployment.replace(/-\d+$/, ''), deployment, port: 3010, status }),
      );
  return table;
}
const state = (epoch: number, live: Record<string, string | null> = {}): LiveState => ({
  ...emptyState,
  epoch,
  live: Object.fromEntries(Object.entries(live).map(([name, id]) => [name, { live: id, standby: null, split: null }])),
});
const changed = (from: LiveState, table: RoutingTable, change: LiveChangeInput) => {
  const result = liveChanged(from, table, liveChange.parse(change));
  return isRefusal(result) ? result.error.code : result;
};

test('all services of a change become live in one epoch', () => {
  const table = tableOf({ 'users-2': 1, 'feeds-2': 1 });
  const result = changed(state(4, { users: 'users-1' }), table, {
    changes: { users: { live: 'users-2', standby: 'users-1' }, feeds: { live: 'feeds-2' } },
    expect: 4,
  });
  assert.ok(typeof result !== 'string');
  assert.equal(result.epoch, 5);
  assert.deepEqual(result.live['users'], { live: 'users-2', standby: 'users-1', split: null });
  assert.equal(result.live['feeds']?.live, 'feeds-2');
});

test('a change decided by another epoch is refused, older or newer', () => {
  const table = tableOf({ 'users-1': 1 });
  for (const expect of [3, 5])
    assert.equal(changed(state(4), table, { changes: { users: { live: 'users-1' } }, expect }), 'REGISTRY_EPOCH_MOVED');
});

test('one service that may not change keeps all of them from changing', () => {
  const before = state(1, { users: 'users-1' });
  const result = changed(before, tableOf({ 'users-2': 1 }), {
    changes: { users: { live: 'users-2' }, feeds: { live: 'feeds-9' } },
    expect: 1,
  });
  assert.equal(result, 'REGISTRY_SERVICE_UNKNOWN');
  assert.equal(before.live['users']?.live, 'users-1');
});

test('a deployment without an instance that is UP cannot become live', () => {
  const change = { changes: { users: { live: 'users-2' } }, expect: 0 };
  assert.equal(changed(state(0, { users: 'users-1' }), tableOf({ 'users-1': 1 }), change), 'REGISTRY_DEPLOYMENT_EMPTY');
  assert.equal(changed(state(0), tableOf({ 'users-2': 1 }, 'STARTING'), change), 'REGISTRY_DEPLOYMENT_EMPTY');
});

test('retiring the standby and stopping the service need no instance', () => {
  const before = state(0, { users: 'users-1' });
  for (const live of ['users-1', null])
    assert.ok(typeof changed(before, tableOf({}), { changes: { users: { live } }, expect: 0 }) !== 'string');
});

test('a standby has to be a deployment that is or was there, and not the live one', () => {
  const before = state(0, { users: 'users-1' });
  const table = tableOf({ 'users-2': 1 });
  const standby = (id: string) =>
    changed(before, table, { changes: { users: { live: 'users-2', standby: id } }, expect: 0 });
  assert.ok(typeof standby('users-1') !== 'string');
  assert.equal(standby('users-77'), 'REGISTRY_DEPLOYMENT_EMPTY');
  assert.equal(standby('users-2'), 'REGISTRY_SPLIT_INVALID');
});

test('shares of a split add up to 100 and go to deployments that are UP', () => {
  const table = tableOf({ 'users-1': 1, 'users-2': 1 });
  const split = (shares: Record<string, number>) =>
    changed(state(0, { users: 'users-1' }), table, {
      changes: { users: { live: 'users-1', split: shares } },
      expect: 0,
    });
  assert.ok(typeof split({ 'users-1': 90, 'users-2': 10 }) !== 'string');
  assert.equal(split({ 'users-1': 90 }), 'REGISTRY_SPLIT_INVALID');
  assert.equal(split({ 'users-1': 90, 'users-3': 10 }), 'REGISTRY_DEPLOYMENT_EMPTY');
});

test('a preview is a share of 0, of a deployment that is UP', () => {
  const before = state(0, { users: 'users-1' });
  const preview = (table: RoutingTable) =>
    changed(before, table, {
      changes: { users: { live: 'users-1', split: { 'users-1': 100, 'users-2': 0 } } },
      expect: 0,
    });
  assert.ok(typeof preview(tableOf({ 'users-1': 1, 'users-2': 1 })) !== 'string');
  assert.equal(preview(tableOf({ 'users-1': 1 })), 'REGISTRY_DEPLOYMENT_EMPTY');
  assert.ok(typeof preview(tableOf({ 'users-2': 1 })) !== 'string', 'the live one keeps what it has');
});

test('a share that stays or shrinks needs no instance, one that grows does', () => {
  const before = withLive(state(0), {
    users: { live: 'users-1', standby: null, split: { 'users-1': 90, 'users-2': 10 } },
  });
  const split = (table: RoutingTable, shares: Record<string, number>) =>
    changed(before, table, { changes: { users: { live: 'users-1', split: shares } }, expect: 1 });
  const oldAlone = tableOf({ 'users-1': 1 });
  for (const percent of [10, 5, 0])
    assert.ok(typeof split(oldAlone, { 'users-1': 100 - percent, 'users-2': percent }) !== 'string', `${percent}`);
  assert.equal(split(oldAlone, { 'users-1': 50, 'users-2': 50 }), 'REGISTRY_DEPLOYMENT_EMPTY');
  assert.equal(split(tableOf({ 'users-2': 1 }), { 'users-1': 95, 'users-2': 5 }), 'REGISTRY_DEPLOYMENT_EMPTY');
});

test('declarations replace each other; the same ones again change nothing', () => {
  const said = declarations.parse({ services: { users: { routes: ['/api/users'] } } });
  const first = declared(emptyState, said);
  assert.ok(!isRefusal(first));
  assert.equal(declared(first, declarations.parse({ services: { users: { routes: ['/api/users'] } } })), first);
  const second = declared(first, declarations.parse({ services: { feeds: {} } }));
  assert.ok(!isRefusal(second));
  assert.deepEqual(Object.keys(second.declared), ['feeds']);
});

test('what is live stays through a new declaration of the same name, and begins anew for a name that changes hands', () => {
  const said = declarations.parse({ services: { users: {} } });
  const first = declared(state(3, { users: 'evil-1', blog: 'blog-1' }), said);
  assert.ok(!isRefusal(first));
  assert.deepEqual([Object.keys(first.live), first.epoch], [['blog'], 4]);
  const lived = withLive(first, { users: { live: 'users-1', standby: null, split: null } });
  const again = declared(lived, declarations.parse({ services: { users: { routes: ['/api/users'] } } }));
  assert.ok(!isRefusal(again));
  assert.deepEqual([again.live['users']?.live, again.epoch], ['users-1', 5]);
});

test('two declared services cannot have the same path', () => {
  const result = declared(
    emptyState,
    declarations.parse({ services: { a: { routes: ['/x'] }, b: { routes: ['/x'] } } }),
  );
  assert.ok(isRefusal(result));
  assert.equal(result.error.code, 'REGISTRY_ROUTE_TAKEN');
});

test('of an undeclared service whose live deployment lost its instances, the one that is up becomes live', () => {
  const after = followed(state(1, { blog: 'blog-1' }), tableOf({ 'blog-2': 1 }), 'blog');
  assert.deepEqual([after.live['blog']?.live, after.epoch], ['blog-2', 2]);
});

test('an undeclared service without any instance is forgotten', () => {
  const after = followed(state(1, { blog: 'blog-1' }), tableOf({}), 'blog');
  assert.deepEqual([after.live['blog'], after.epoch], [undefined, 2]);
});

test('an undeclared service is left alone while its live deployment has an instance, and while the operator stopped it', () => {
  for (const live of ['blog-1', null]) {
    const before = state(1, { blog: live });
    assert.equal(followed(before, tableOf({ 'blog-1': 1, 'blog-2': 1 }), 'blog'), before);
  }
});

test('a declared service never changes by itself', () => {
  const before = { ...state(1, { users: 'users-1' }), declared: { users: { routes: [] } } };
  assert.equal(followed(before, tableOf({ 'users-2': 1 }), 'users'), before);
});
