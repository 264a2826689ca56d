/** Which releases are kept whatever their number. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wantedOf } from './housekeeping.ts';

const state = { counter: 9, live: 'web-3', standby: null, side: null, history: ['web-1', 'web-2', 'web-3'] } as const;

test('what a rollback goes back to is kept, whatever was made and given up since', () => {
  assert.deepEqual(wantedOf({ ...state, history: [...state.history] }), ['web-3', 'web-2']);
  assert.deepEqual(wantedOf({ ...state, live: 'web-1', history: ['web-1'] }), ['web-1']);
});

test('what stands by is kept, also when it is what was live before', () => {
  assert.deepEqual(
    new Set(wantedOf({ ...state, standby: 'web-2', history: [...state.history] })),
    new Set(['web-2', 'web-3']),
  );
});
