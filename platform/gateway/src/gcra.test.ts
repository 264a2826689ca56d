/** Limits hold over any window, in bounded memory. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientOf, Gcra, leftOf, moreInMsOf, waitMsOf } from './gcra.ts';

const RATE = { requests: 3, windowMs: 3_000 };

const waitOf = (gcra: Gcra, key: string, nowMs: number): number => waitMsOf(gcra.take(key, RATE, nowMs), RATE);

test('a burst passes up to the limit, then one by one as time goes on', () => {
  const gcra = new Gcra();
  assert.deepEqual(
    [1, 2, 3, 4].map(() => waitOf(gcra, 'a', 0)),
    [0, 0, 0, 1_000],
  );
  assert.equal(waitOf(gcra, 'a', 999), 1);
  assert.equal(waitOf(gcra, 'a', 1_000), 0);
  assert.ok(waitOf(gcra, 'a', 1_000) > 0);
  assert.equal(waitOf(gcra, 'b', 1_000), 0);
});

test('whatever the limit is, that many pass at once and not one more', () => {
  for (let requests = 1; requests <= 500; requests += 1) {
    const rate = { requests, windowMs: 60_000 };
    const gcra = new Gcra();
    const nowMs = 1_234.567 * requests;
    for (let nth = 1; nth <= requests; nth += 1) {
      const aheadMs = gcra.take('a', rate, nowMs);
      assert.equal(waitMsOf(aheadMs, rate), 0, `${nth} of ${requests}`);
      assert.equal(leftOf(aheadMs, rate), requests - nth);
    }
    assert.ok(waitMsOf(gcra.take('a', rate, nowMs), rate) > 1);
  }
});

test('who asks is told how many more there are, and when there is another', () => {
  const gcra = new Gcra();
  const told = (nowMs: number): number[] => {
    const aheadMs = gcra.take('a', RATE, nowMs);
    return [leftOf(aheadMs, RATE), moreInMsOf(aheadMs, RATE)];
  };
  assert.deepEqual(told(0), [2, 1_000]);
  assert.deepEqual(told(400), [1, 600]);
  assert.deepEqual(told(900), [0, 100]);
  assert.deepEqual(told(950), [0, 50], 'refused: the wait is until there is one');
  assert.deepEqual(told(1_000), [0, 1_000]);
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
