/** Limits hold over any window, in bounded memory. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientOf, Gcra } from './gcra.ts';

const RATE = { requests: 3, windowMs: 3_000 };

test('a burst passes up to the limit, then one by one as time goes on', () => {
  const gcra = new Gcra();
  assert.deepEqual(
    [1, 2, 3, 4].map(() => gcra.take('a', RATE, 0)),
    [0, 0, 0, 1_000],
  );
  assert.equal(gcra.take('a', RATE, 999), 1);
  assert.equal(gcra.take('a', RATE, 1_000), 0);
  assert.ok(gcra.take('a', RATE, 1_000) > 0);
  assert.equal(gcra.take('b', RATE, 1_000), 0);
});

test('what is refused costs nothing, and what is given back is there again', () => {
  const gcra = new Gcra();
  for (let nth = 0; nth < 100; nth += 1) gcra.take('a', RATE, 0);
  assert.equal(gcra.waitMs('a', RATE, 0), 1_000);
  gcra.giveBack('a', RATE);
  assert.equal(gcra.waitMs('a', RATE, 0), 0);
});

test('no number of keys fills the memory', () => {
  const gcra = new Gcra();
  for (let nth = 0; nth < 150_000; nth += 1) gcra.take(`key ${nth}`, RATE, 0);
  assert.ok(gcra.size <= 100_000);
});

test('an IPv6 subscriber is one client, whatever address of the /64 is used', () => {
  assert.equal(clientOf('2001:db8:1:2:3:4:5:6'), clientOf('2001:db8:1:2::9'));
  assert.notEqual(clientOf('2001:db8:1:2::9'), clientOf('2001:db8:1:3::9'));
  assert.equal(clientOf('::1'), '0:0:0:0');
  assert.equal(clientOf('10.0.0.1'), '10.0.0.1');
});
