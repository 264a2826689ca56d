/** Which descriptors are taken for which sockets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inheritedSockets } from './inherited-sockets.ts';

const given = (count: number, names = '', pid = 7) =>
  inheritedSockets({ LISTEN_PID: pid, LISTEN_FDS: count, LISTEN_FDNAMES: names }, 7);

test('sockets are known by their names, in any order', () => {
  assert.deepEqual(given(2, 'door:admin'), { door: 3, admin: 4 });
  assert.deepEqual(given(2, 'admin:door'), { door: 4, admin: 3 });
  assert.deepEqual(given(1, 'door'), { door: 3, admin: null });
  assert.deepEqual(given(1, 'admin'), { door: null, admin: 3 });
});

test('a socket that systemd calls by its unit is the door', () => {
  assert.deepEqual(given(1, 'gateway.socket'), { door: 3, admin: null });
  assert.deepEqual(given(1), { door: 3, admin: null });
  assert.deepEqual(given(2, 'admin:gateway.socket'), { door: 4, admin: 3 });
});

test('what was given to another process is not ours', () => {
  assert.deepEqual(given(2, 'door:admin', 8), { door: null, admin: null });
  assert.deepEqual(inheritedSockets({ LISTEN_FDS: 2, LISTEN_FDNAMES: 'door:admin' }, 7), { door: null, admin: null });
  assert.deepEqual(given(0, 'door'), { door: null, admin: null });
});
