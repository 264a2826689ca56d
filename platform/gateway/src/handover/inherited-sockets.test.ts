/** Which descriptors are taken for which sockets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inheritedSockets } from './inherited-sockets.ts';

const given = (count: number, names = '', pid = 7) =>
  inheritedSockets({ LISTEN_PID: pid, LISTEN_FDS: count, LISTEN_FDNAMES: names }, 7);

const NONE = { door: null, 'door-tls': null, admin: null };

test('sockets are known by their names, in any order', () => {
  assert.deepEqual(given(2, 'door:admin'), { ...NONE, door: 3, admin: 4 });
  assert.deepEqual(given(2, 'admin:door'), { ...NONE, door: 4, admin: 3 });
  assert.deepEqual(given(3, 'door:door-tls:admin'), { door: 3, 'door-tls': 4, admin: 5 });
  assert.deepEqual(given(1, 'door'), { ...NONE, door: 3 });
  assert.deepEqual(given(1, 'admin'), { ...NONE, admin: 3 });
});

test('a socket that systemd calls by its unit is the door', () => {
  assert.deepEqual(given(1, 'gateway.socket'), { ...NONE, door: 3 });
  assert.deepEqual(given(1), { ...NONE, door: 3 });
  assert.deepEqual(given(2, 'admin:gateway.socket'), { ...NONE, door: 4, admin: 3 });
});

test('what was given to another process is not ours', () => {
  assert.deepEqual(given(2, 'door:admin', 8), NONE);
  assert.deepEqual(inheritedSockets({ LISTEN_FDS: 2, LISTEN_FDNAMES: 'door:admin' }, 7), NONE);
  assert.deepEqual(given(0, 'door'), NONE);
});
