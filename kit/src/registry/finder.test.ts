/** Finding instances of the live deployment. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Instance, Table } from '@switchyard/contracts/registry';
import { Finder } from './finder.ts';

const instance = (id: string, more: Partial<Instance> = {}): Instance => ({
  id,
  host: '127.0.0.1',
  port: 3010,
  endpoints: {},
  status: 'UP',
  weight: 1,
  zone: '',
  metadata: {},
  ...more,
});
const tableOf = (live: string | null, deployments: Record<string, Instance[]>): Table => ({
  epoch: 1,
  revision: 1,
  services: {
    users: {
      declared: true,
      live,
      standby: null,
      split: null,
      deployments: Object.fromEntries(
        Object.entries(deployments).map(([id, instances]) => [id, { version: '', side: null, routes: [], instances }]),
      ),
    },
  },
});

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
