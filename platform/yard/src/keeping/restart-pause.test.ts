/** How long is waited before something is started again. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { failuresAfter, LONGEST_PAUSE_MS, RESET_AFTER_MS, restartPauseMs } from './restart-pause.ts';

it('pauses double from 0.2 s up to half a minute', () => {
  assert.deepEqual([1, 2, 3, 4, 8, 9, 1_000].map(restartPauseMs), [
    200,
    400,
    800,
    1_600,
    25_600,
    30_000,
    LONGEST_PAUSE_MS,
  ]);
});

it('who was well for a minute starts over with the first pause', () => {
  assert.equal(failuresAfter(6, RESET_AFTER_MS - 1), 7);
  assert.equal(failuresAfter(6, RESET_AFTER_MS), 1);
});
