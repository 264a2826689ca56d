/** Where the stages of a swap lead, whatever happens. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFinal, isToBeJournaled, isUnchanged, nextStage, swapStages } from './swap-stage.ts';
import type { SwapSignal, SwapStage } from './swap-stage.ts';

const SIGNALS: readonly SwapSignal[] = [
  'done',
  'failed',
  'withdrawn',
  'previewed',
  'split',
  'interrupted',
  'uncommitted',
];
const BEFORE: readonly SwapStage[] = ['asked', 'locked', 'built', 'spawned', 'healthy', 'warm', 'preview', 'canary'];
const AFTER: readonly SwapStage[] = ['committed', 'acknowledged', 'drained'];

/** Null: the signal means nothing there. */
function next(stage: SwapStage, signal: SwapSignal): SwapStage | null {
  try {
    return nextStage(stage, signal);
  } catch {
    return null;
  }
}

test('done leads from the first stage to the last, through the commit', () => {
  const way: SwapStage[] = ['asked'];
  while (!isFinal(way.at(-1)!)) way.push(nextStage(way.at(-1)!, 'done'));
  assert.deepEqual(way.slice(5), ['warm', 'committed', 'acknowledged', 'drained', 'baked', 'retired']);
});

test('whatever fails or is withdrawn before the commit is undone', () => {
  for (const stage of BEFORE)
    for (const signal of ['failed', 'withdrawn'] as const) assert.equal(next(stage, signal), 'aborting', stage);
});

test('whatever fails or is withdrawn after the commit is taken back, as long as the deployment before is there', () => {
  for (const stage of AFTER)
    for (const signal of ['failed', 'withdrawn'] as const) assert.equal(next(stage, signal), 'reverting', stage);
  assert.equal(next('baked', 'withdrawn'), null);
});

test('a deployment that cannot be gone back to leaves the new one where it is', () => {
  assert.equal(next('reverting', 'failed'), 'baked');
});

test('an interrupted swap is undone where nothing was changed, asks the registry where it may have been, and goes on after the commit', () => {
  for (const stage of swapStages) {
    const then = next(stage, 'interrupted');
    if (isFinal(stage)) assert.equal(then, null);
    else if (isUnchanged(stage)) assert.equal(then, 'aborting', stage);
    else if (BEFORE.includes(stage)) assert.equal(then, 'uncertain', stage);
    else assert.equal(then, stage);
  }
});

test('no step begins unwritten that an interruption would undo though it may have made the new deployment live', () => {
  for (const stage of swapStages)
    if (BEFORE.includes(stage) && next(stage, 'interrupted') === 'aborting')
      assert.ok(isToBeJournaled(next(stage, 'done')!), stage);
});

test('nothing leads from after the commit to before it', () => {
  for (const stage of [...AFTER, 'baked', 'retired', 'reverting', 'reverted'] as const)
    for (const signal of SIGNALS) {
      const then = next(stage, signal);
      assert.ok(then === null || (!BEFORE.includes(then) && then !== 'aborting' && then !== 'uncertain'), stage);
    }
});

test('every stage comes to an end by what may happen in it', () => {
  const ends = new Set<SwapStage>(swapStages.filter(isFinal));
  for (let before = -1; before !== ends.size;) {
    before = ends.size;
    for (const stage of swapStages)
      if (SIGNALS.some((signal) => ends.has(next(stage, signal) ?? 'asked'))) ends.add(stage);
  }
  assert.deepEqual(
    swapStages.filter((stage) => !ends.has(stage)),
    [],
  );
});
