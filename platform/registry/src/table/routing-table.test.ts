/** The table, its revisions, and what is told to those who missed some. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { change, registration, table as tableSchema } from '@switchyard/contracts/registry';
import type { RegistrationInput } from '@switchyard/contracts/registry';
import { emptyState, withDeclarations, withLive } from '../live/live-state.ts';
import { RoutingTable } from './routing-table.ts';

const setUp = () => {
  let changes = 0;
  const table = new RoutingTable({ firstRevision: 1_000, onChange: () => (changes += 1) });
  const put = (id: string, input: Partial<RegistrationInput> = {}) =>
    table.put(id, registration.parse({ service: 'users', deployment: 'users-1', port: 3010, ...input }));
  return { table, put, changes: () => changes, read: () => tableSchema.parse(JSON.parse(table.json)) };
};
const declare = (...routes: string[]) =>
  withDeclarations(emptyState, {
    users: { routes: routes.map((path) => ({ path, auth: 'optional' as const, timeoutMs: 30_000 })) },
  });

test('the JSON of the table is what the contract says, whatever is in it', () => {
  const { table, put, read } = setUp();
  put('u-1', {
    version: 'a "quoted" \u2028 one',
    metadata: { __proto__x: '</script>', ключ: 'é' },
    endpoints: { tcp: { port: 4010 } },
  });
  put('u-2', { deployment: 'users-2', side: 'green', routes: ['/api/users'], status: 'STARTING' });
  table.apply(
    withLive(declare('/api/users', '/api/friends'), {
      users: { live: 'users-1', standby: null, split: { 'users-1': 100 } },
    }),
  );
  const users = read().services['users'];
  assert.equal(users?.deployments['users-1']?.version, 'a "quoted" \u2028 one');
  assert.deepEqual(
    users?.deployments['users-1']?.routes.map(({ path }) => path),
    ['/api/users', '/api/friends'],
  );
  assert.deepEqual(
    users?.deployments['users-2']?.routes.map(({ path }) => path),
    ['/api/users'],
  );
  assert.equal(users?.deployments['users-2']?.side, 'green');
  assert.deepEqual(users?.deployments['users-1']?.instances[0]?.endpoints, { tcp: { port: 4010 } });
});

test('each change has a revision of its own; saying the same again changes nothing', () => {
  const { table, put, changes } = setUp();
  assert.equal(put('u-1').isNew, true);
  assert.equal(table.revision, 1_001);
  assert.equal(put('u-1').isNew, false);
  assert.equal(table.revision, 1_001);
  assert.equal(put('u-1', { status: 'DOWN' }).isNew, false);
  assert.equal(table.revision, 1_002);
  table.remove('u-1');
  assert.equal(table.revision, 1_003);
  assert.equal(table.remove('u-1'), undefined);
  assert.equal(changes(), 3);
});

test('who missed changes gets the entries that changed since, whole, and null for a service that is gone', () => {
  const { table, put } = setUp();
  put('u-1');
  put('f-1', { service: 'feeds', deployment: 'feeds-1' });
  const seen = table.revision;
  assert.equal(table.changesSince(seen), null);
  put('b-1', { service: 'blog', deployment: 'blog-1' });
  table.remove('f-1');
  const missed = change.parse(JSON.parse(table.changesSince(seen)!));
  assert.equal(missed.revision, table.revision);
  assert.equal(missed.services['feeds'], null);
  assert.deepEqual(Object.keys(missed.services).sort(), ['blog', 'feeds']);
});

test('a revision from before this process, or from the future, is not one to go on from', () => {
  const { table, put } = setUp();
  put('u-1');
  assert.equal(table.changesSince(999), undefined);
  assert.equal(table.changesSince(table.revision + 1), undefined);
});

test('a service that came back after it had gone is told as it is now', () => {
  const { table, put } = setUp();
  put('u-1');
  const seen = table.revision;
  table.remove('u-1');
  put('u-2');
  const missed = change.parse(JSON.parse(table.changesSince(seen)!));
  assert.deepEqual(
    missed.services['users']?.deployments['users-1']?.instances.map(({ id }) => id),
    ['u-2'],
  );
});

test('a declared service keeps its routes in the table while its live deployment has no instance, and while nothing is live', () => {
  const { table, put, read } = setUp();
  put('u-1');
  table.apply(withLive(declare('/api/users'), { users: { live: 'users-1', standby: null, split: null } }));
  table.remove('u-1');
  assert.deepEqual(
    read().services['users']?.deployments['users-1']?.routes.map(({ path }) => path),
    ['/api/users'],
  );
  table.apply(declare('/api/users'));
  assert.deepEqual(
    read().services['users']?.routes?.map(({ path }) => path),
    ['/api/users'],
  );
  assert.deepEqual(read().services['users']?.deployments, {});
});

test('an instance that moves to another deployment is in one of them only', () => {
  const { put, read, table } = setUp();
  put('u-1');
  put('u-1', { deployment: 'users-2' });
  assert.deepEqual(Object.keys(read().services['users']?.deployments ?? {}), ['users-2']);
  assert.equal(table.instanceCount, 1);
});

test('a path belongs to who claims it; below a declared one, no service that is not declared may claim any', () => {
  const { table, put } = setUp();
  table.apply(declare('/api/users', '/'));
  put('b-1', { service: 'blog', deployment: 'blog-1', routes: ['/blog'] });
  assert.equal(table.pathOwner('/api/users', 'evil'), 'users');
  assert.equal(table.pathOwner('/api/users/me', 'evil'), 'users');
  assert.equal(table.pathOwner('/api/users2', 'evil'), null);
  assert.equal(table.pathOwner('/', 'evil'), 'users');
  assert.equal(table.pathOwner('/elsewhere', 'evil'), null, 'everything is below /');
  assert.equal(table.pathOwner('/blog', 'evil'), 'blog');
  assert.equal(table.pathOwner('/blog/archive', 'evil'), null);
  assert.equal(table.pathOwner('/api/users', 'users'), null);
  table.remove('b-1');
  assert.equal(table.pathOwner('/blog', 'evil'), null, 'free again');
});
