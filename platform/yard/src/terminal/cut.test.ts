/** Text that fits. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cut, wrapped } from './cut.ts';
import { duration } from './duration.ts';

test('what fits stays as it is; of what does not, the last character says so', () => {
  assert.equal(cut('abcde', 5), 'abcde');
  assert.equal(cut('abcdef', 5), 'abcd…');
  assert.equal(cut('', 5), '');
});

test('colour sequences count nothing, and none is lost', () => {
  assert.equal(cut('\u001B[1mabc\u001B[22mdef', 6), '\u001B[1mabc\u001B[22mdef');
  assert.equal(cut('\u001B[1mabc\u001B[22mdef\u001B[39m', 4), '\u001B[1mabc\u001B[22m…\u001B[39m');
  assert.equal(cut('\u001B[1mabcdef\u001B[22m', 4), '\u001B[1mabc…\u001B[22m');
});

test('text is broken at spaces, and a word that is too long has a line of its own', () => {
  assert.deepEqual(wrapped('one two three', 7), ['one two', 'three']);
  assert.deepEqual(wrapped('a incomprehensible b', 5), ['a', 'incomprehensible', 'b']);
  assert.deepEqual(wrapped('\u001B[1mone\u001B[22m two three', 7), ['\u001B[1mone\u001B[22m two', 'three']);
});

test('a duration is told in the units that people read', () => {
  assert.deepEqual([0, 999.4, 999.6, 1_250, 59_949, 59_960, 125_000, 3_600_000, 12_000_000].map(duration), [
    '0 ms',
    '999 ms',
    '1.0 s',
    '1.3 s',
    '59.9 s',
    '1 min',
    '2 min 5 s',
    '1 h',
    '3 h 20 min',
  ]);
});
