/** What an unfinished swap had decided, by its journal. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SwapRecord } from '../swap/swap-record.ts';
import type { SwapStage } from '../swap/swap-stage.ts';
import { decidedIn } from './survivors.ts';

const swapAt = (stage: SwapStage): SwapRecord => ({
  version: 1,
  id: 'swap-000000000000',
  kind: 'swap',
  services: { web: { from: 'web-1', to: 'web-2' } },
  startedAt: '2026-01-01T00:00:00.000Z',
  reason: null,
  lines: [],
  timeline: [],
  epoch: null,
  commitToAcknowledgedMs: null,
  revertMs: null,
  requests: {},
  cut: 0,
  stage,
  request: {
    services: ['web'],
    kind: 'swap',
    bakeMs: null,
    canaryPercent: null,
    isPreview: false,
    isWithoutRollback: false,
    waitsForBake: true,
    askedAtMs: 0,
    holdAt: null,
  },
  canaryPercent: null,
  bakesUntil: null,
  isLockedOut: false,
});

test('after the commit the new deployment is what is to run, while it is taken back the one before', () => {
  for (const stage of ['committed', 'acknowledged', 'drained', 'baked'] as const)
    assert.equal(decidedIn([swapAt(stage)], 'web'), 'web-2', stage);
  assert.equal(decidedIn([swapAt('reverting')], 'web'), 'web-1');
});

test('before the commit, and of other services, the journal decides nothing', () => {
  for (const stage of ['asked', 'spawned', 'warm', 'preview', 'canary', 'uncertain', 'aborting'] as const)
    assert.equal(decidedIn([swapAt(stage)], 'web'), null, stage);
  assert.equal(decidedIn([swapAt('committed')], 'users'), null);
});
