/** What becomes of a worker by what happens to it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextWorkerStage } from './worker-stage.ts';
import type { WorkerSignal, WorkerStage } from './worker-stage.ts';

const after = (...signals: WorkerSignal[]): WorkerStage => signals.reduce<WorkerStage>(nextWorkerStage, 'starting');

test('a worker that dies is started again', () => {
  assert.equal(after('opened', 'ended'), 'pausing');
  assert.equal(after('ended'), 'pausing');
  assert.equal(after('opened', 'ended', 'pause over'), 'starting');
});

test('one that leaves by itself is replaced, unless the gateway leaves meanwhile', () => {
  assert.equal(after('opened', 'wants to leave', 'ended'), 'pausing');
  assert.equal(after('opened', 'wants to leave', 'gateway leaves', 'ended'), 'gone');
});

test('none is started again once the gateway leaves', () => {
  assert.equal(after('opened', 'ended', 'gateway leaves', 'pause over'), 'gone');
  assert.equal(after('opened', 'gateway leaves', 'ended', 'pause over'), 'gone');
  assert.equal(after('gateway leaves', 'opened', 'ended'), 'gone');
});
