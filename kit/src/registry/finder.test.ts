/** Finding instances of the live deployment. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Finder } from './finder.ts';
import { TableUnderTest, testInstance as instance, testTable } from './test-table.ts';

const tableOf = (live: string | null, deployments: Parameters<typeof testTable>[2]) =>
  testTable('users', live, deployments);

test('instances of the live deployment are found in turn', () => {
  const finder = new Finder({
    table: tableOf('users-2', { 'users-1': [instance('old')], 'users-2': [instance('a'), instance('b')] }),
  });
  const found = Array.from({ length: 4 }, () => finder.find('users')?.instanceId);
  assert.deepEqual(new Set(found), new Set(['a', 'b']));
  assert.equal(found[0], found[2]);
  assert.equal(finder.find('users')?.deployment, 'users-2');
});

test('what is not UP, not live or not there is not found', () => {
  const starting = tableOf('users-1', { 'users-1': [instance('a', { status: 'STARTING' })] });
  assert.equal(new Finder({ table: starting }).find('users'), null);
  assert.equal(new Finder({ table: tableOf(null, { 'users-1': [instance('a')] }) }).find('users'), null);
  assert.equal(new Finder({ table: tableOf('users-1', {}) }).find('feeds'), null);
  assert.equal(new Finder({ table: null }).find('users'), null);
});

test('a named endpoint is at its own port, and at the instance’s host unless it names one', () => {
  const table = tableOf('users-1', {
    'users-1': [
      instance('a', { endpoints: { tcp: { port: 4010 } } }),
      instance('b', { endpoints: { tcp: { port: 4011, host: '10.0.0.2' } } }),
      instance('c'),
    ],
  });
  assert.deepEqual(
    new Finder({ table }).instances('users', 'tcp').map(({ instanceId, host, port }) => [instanceId, host, port]),
    [
      ['a', '127.0.0.1', 4010],
      ['b', '10.0.0.2', 4011],
    ],
  );
});

/** A yard in which `users-1` is live and `users-2` is its candidate. */
function beforeTheSwap() {
  const deployments = { 'users-1': [instance('old')], 'users-2': [instance('new')] };
  const yard = new TableUnderTest();
  yard.set('users', 'users-1', deployments);
  return { yard, finder: yard.finder, commit: () => yard.set('users', 'users-2', deployments) };
}

test('what is under way is counted by deployment, from the claim on, and once a claim', () => {
  const { finder } = beforeTheSwap();
  const claims = [finder.claim('users'), finder.claim('users')];
  assert.deepEqual(finder.inFlight(), { 'users-1': 2 });
  claims[0]?.end();
  claims[0]?.end();
  assert.deepEqual(finder.inFlight(), { 'users-1': 1 });
  assert.equal(finder.claim('feeds'), null);
});

test('when a table is acknowledged, new work is claimed by it, and old work is counted where it runs', () => {
  const { finder, commit } = beforeTheSwap();
  const old = finder.claim('users')!;
  commit();
  assert.equal(finder.claim('users')?.deployment, 'users-2');
  assert.deepEqual(finder.inFlight(), { 'users-1': 1, 'users-2': 1 });
  old.end();
  assert.deepEqual(finder.inFlight(), { 'users-2': 1 });
});

test('who works on a deployment that is no longer live is told so, before the table is acknowledged; nobody else is', () => {
  const { finder, commit } = beforeTheSwap();
  const old = finder.claim('users')!;
  commit();
  const fresh = finder.claim('users')!;
  assert.equal(old.moved.aborted, true);
  assert.equal(fresh.moved.aborted, false);
});

test('the end of the last work on a deployment that is no longer live is told, and of no other', () => {
  const { yard, finder, commit } = beforeTheSwap();
  finder.claim('users')!.end();
  const [one, two] = [finder.claim('users')!, finder.claim('users')!];
  commit();
  const fresh = finder.claim('users')!;
  one.end();
  assert.deepEqual(yard.drained, []);
  two.end();
  two.end();
  assert.deepEqual(yard.drained, [{ 'users-2': 1 }]);
  fresh.end();
  assert.equal(yard.drained.length, 1);
});

test('work that breaks off where it is told to has ended before the table is acknowledged', () => {
  const { yard, finder, commit } = beforeTheSwap();
  const poll = finder.claim('users')!;
  poll.moved.addEventListener('abort', poll.end, { once: true });
  commit();
  assert.deepEqual(finder.inFlight(), {});
  assert.deepEqual(yard.drained, [], 'the acknowledgement that follows anyway says so');
});
