/** How long a client of which pace is waited for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pace } from './pace.ts';

const LIMITS = { minBytesPerSecond: 100, graceMs: 5_000, pauseMs: 30_000 };

/** Seconds until it is too slow; -1: not within ten minutes. */
function lasts(pace: Pace, bytesAt: (second: number) => number, isWaitedFor = true): number {
  for (let second = 0; second <= 600; second += 1)
    if (pace.isTooSlow(isWaitedFor, bytesAt(second), second * 1_000)) return second;
  return -1;
}

test('a client below the limit is too slow once its grace is over', () => {
  assert.equal(
    lasts(new Pace(LIMITS), () => 0),
    6,
  );
  assert.equal(
    lasts(new Pace(LIMITS), (second) => 50 * second),
    11,
  );
});

test('a client at the limit is never too slow', () => {
  assert.equal(
    lasts(new Pace(LIMITS), (second) => 100 * second),
    -1,
  );
});

test('who was fast may pause, for so long and no longer', () => {
  assert.equal(
    lasts(new Pace(LIMITS), (second) => Math.min(second, 10) * 1_000_000),
    40,
  );
});

test('time in which somebody else was waited for does not count', () => {
  assert.equal(
    lasts(new Pace(LIMITS), () => 0, false),
    -1,
  );
});

test('without a limit nobody is too slow', () => {
  assert.equal(
    lasts(new Pace({ ...LIMITS, minBytesPerSecond: 0 }), () => 0),
    -1,
  );
});

test('what turns out to wait still is no debt', () => {
  const pace = new Pace(LIMITS);
  assert.equal(pace.isTooSlow(true, 100_000, 0), false);
  assert.equal(pace.isTooSlow(true, -200, 1_000), false);
});
