/** How long sessions last. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lapseOf, secondsUntil } from './session-lifetime.ts';

const day = (count: number) => new Date(Date.UTC(2026, 0, 1) + count * 86_400_000);

test('a session lapses thirty days after its last use', () => {
  assert.deepEqual(lapseOf(day(0), day(0)), day(30));
  assert.deepEqual(lapseOf(day(0), day(20)), day(50));
});

test('however much it is used, it lapses ninety days after it was opened', () => {
  assert.deepEqual(lapseOf(day(0), day(89)), day(90));
});

test('what has lapsed has no seconds left', () => {
  assert.equal(secondsUntil(day(1), day(0)), 86_400);
  assert.equal(secondsUntil(day(0), day(1)), 0);
});
