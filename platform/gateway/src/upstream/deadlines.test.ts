/** When waits are judged, by a clock that is passed in. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Deadlines } from './deadlines.ts';
import type { Watched } from './deadlines.ts';

function watchedBy(clock: { nowMs: number }): { deadlines: Deadlines; judgedAt: number[] } {
  const deadlines = new Deadlines(() => clock.nowMs);
  const judgedAt: number[] = [];
  const watched: Watched = { place: -1, checkDeadline: (nowMs) => judgedAt.push(nowMs) };
  deadlines.add(watched);
  return { deadlines, judgedAt };
}

test('every tick judges every wait', () => {
  const clock = { nowMs: 0 };
  const { deadlines, judgedAt } = watchedBy(clock);
  for (clock.nowMs = 100; clock.nowMs <= 300; clock.nowMs += 100) deadlines.tick();
  assert.deepEqual(judgedAt, [100, 200, 300]);
});

test('after the process stood still, nobody is judged before what came meanwhile was read', () => {
  const clock = { nowMs: 100 };
  const { deadlines, judgedAt } = watchedBy(clock);
  deadlines.tick();
  clock.nowMs = 4_100;
  deadlines.tick();
  assert.deepEqual(judgedAt, [100]);
  assert.equal(deadlines.coarseNowMs, 4_100);
  clock.nowMs = 4_200;
  deadlines.tick();
  assert.deepEqual(judgedAt, [100, 4_200]);
});

test('a process that is late all the time judges each second time', () => {
  const clock = { nowMs: 0 };
  const { deadlines, judgedAt } = watchedBy(clock);
  for (clock.nowMs = 1_000; clock.nowMs <= 4_000; clock.nowMs += 1_000) deadlines.tick();
  assert.deepEqual(judgedAt, [2_000, 4_000]);
});
