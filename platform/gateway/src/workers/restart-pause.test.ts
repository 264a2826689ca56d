/** How soon a worker that died is started again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RestartPause } from './restart-pause.ts';

test('who dies again and again is started again ever later, and after ten seconds at most', () => {
  const pause = new RestartPause();
  const pauses = Array.from({ length: 9 }, () => pause.afterLifeOf(50));
  assert.deepEqual(pauses, [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
});

test('who has lived for a while is started again soon', () => {
  const pause = new RestartPause();
  for (let nth = 0; nth < 9; nth += 1) pause.afterLifeOf(50);
  assert.equal(pause.afterLifeOf(60_000), 100);
  assert.equal(pause.afterLifeOf(50), 200);
});
