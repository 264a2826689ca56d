/** Pairs of people. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pairOf, subjectOf } from './pair.ts';

test('a pair is the same from either side, the smaller id first', () => {
  assert.deepEqual(pairOf('b', 'a'), { a: 'a', b: 'b' });
  assert.deepEqual(pairOf('a', 'b'), { a: 'a', b: 'b' });
  assert.equal(subjectOf(pairOf('b', 'a')), 'a:b');
});

test('nobody makes a pair with themselves', () => {
  assert.throws(() => pairOf('a', 'a'), RangeError);
});
