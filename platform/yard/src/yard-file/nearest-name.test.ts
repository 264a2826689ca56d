/** Guesses at what was meant. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { editDistance, nearestName } from './nearest-name.ts';

test('a swap of neighbours, a missing and a wrong letter each count one', () => {
  assert.equal(editDistance('prots', 'ports'), 1);
  assert.equal(editDistance('port', 'ports'), 1);
  assert.equal(editDistance('pirts', 'ports'), 1);
  assert.equal(editDistance('', 'abc'), 3);
});

test('case and separators do not matter', () => {
  assert.equal(nearestName('start_timeout', ['startTimeout', 'stopGrace']), 'startTimeout');
});

test('what is far from everything has no nearest name', () => {
  assert.equal(nearestName('zebra', ['run', 'ports', 'needs']), null);
  assert.equal(nearestName('constructor', ['run', 'ports']), null);
});
