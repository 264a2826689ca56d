/** The table of past swaps. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import pico from 'picocolors';
import type { SwapReport } from '../swap/swap-report.ts';
import { historyTable } from './history-table.ts';

const colours = pico.createColors(false);
const startedAt = new Date(2026, 10, 22, 6, 2, 3);
const FIRST: SwapReport = {
  version: 1,
  id: 'swap-000000000001',
  kind: 'swap',
  services: { users: { from: 'users-6', to: 'users-7' }, feeds: { from: null, to: 'feeds-1' } },
  startedAt: startedAt.toISOString(),
  endedAt: new Date(startedAt.getTime() + 34_400).toISOString(),
  outcome: 'done',
  reason: null,
  lines: [],
  timeline: [],
  epoch: 12,
  commitToAcknowledgedMs: 11.6,
  revertMs: null,
  requests: {
    'users-6': { requests: 1_000, failed: 0, meanLatencyMs: 3 },
    'users-7': { requests: 200, failed: 1, meanLatencyMs: 3 },
  },
  cut: 0,
};
const SECOND: SwapReport = {
  ...FIRST,
  kind: 'rollback',
  services: { users: { from: 'users-7', to: null } },
  outcome: 'aborted',
  epoch: null,
  commitToAcknowledgedMs: null,
  requests: {},
};

test('each swap is a row: when, what, how it ended, how long it took, its requests, and commit to acknowledged', () => {
  assert.deepEqual(historyTable([FIRST, SECOND], { colours, columns: null }), [
    'WHEN              WHAT                                       OUTCOME    TOOK  REQUESTS  FAILED    ACK',
    '2026-11-22 06:02  users-6 -> users-7, (no feeds) -> feeds-1  done     34.4 s      1200       1  12 ms',
    '2026-11-22 06:02  users-7 -> … (rollback)                    aborted  34.4 s         0       0      -',
  ]);
});

test('on a terminal a row is as long as there is room', () => {
  for (const row of historyTable([FIRST], { colours, columns: 50 })) assert.equal(Array.from(row).length, 50);
});
