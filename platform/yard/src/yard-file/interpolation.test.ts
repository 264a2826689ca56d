/** References in a yard file. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { referencesIn } from './interpolation.ts';

test('variables, secrets and what is neither are told apart', () => {
  assert.deepEqual(referencesIn('--port ${PORT} ${env:KEY}${file:/run/a b} ${env:} ${a-b}'), [
    { kind: 'variable', name: 'PORT', written: '${PORT}' },
    { kind: 'secret', written: '${env:KEY}' },
    { kind: 'secret', written: '${file:/run/a b}' },
    { kind: 'broken', written: '${env:}' },
    { kind: 'broken', written: '${a-b}' },
  ]);
});

test('$NAME, a lone $ and a ${ that is not closed are plain text', () => {
  assert.deepEqual(referencesIn('$PORT $ ${ ${PORT'), []);
});
