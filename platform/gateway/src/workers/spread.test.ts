/** Who is to have a connection. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { takerOf } from './spread.ts';

const others = (...open: number[]) => new Map(open.map((count, index) => [index + 2, { open: count, underWay: 0 }]));

test('a few connections more than the others are kept', () => {
  assert.equal(takerOf(1, others(0)), null);
  assert.equal(takerOf(4, others(0)), null);
  assert.equal(takerOf(84, others(71)), 2);
  assert.equal(takerOf(83, others(71)), null);
});

test('beyond that, the one with the least gets it', () => {
  assert.equal(takerOf(5, others(0)), 2);
  assert.equal(takerOf(40, others(30, 12, 20)), 3);
});

test('what is under way to another one counts as its own', () => {
  assert.equal(takerOf(10, new Map([[2, { open: 0, underWay: 6 }]])), null);
  assert.equal(takerOf(11, new Map([[2, { open: 0, underWay: 6 }]])), 2);
});

test('of sixty-four that arrive together at one of two, about half go to the other', () => {
  const other = { open: 0, underWay: 0 };
  let own = 0;
  for (let nth = 0; nth < 64; nth += 1)
    if (takerOf(own + 1, new Map([[2, other]])) === null) own += 1;
    else other.underWay += 1;
  assert.ok(own >= 32 && own <= 36, String(own));
});

test('where connections come and go, they are kept', () => {
  assert.equal(takerOf(64, others(0), 1_000), null);
  assert.equal(takerOf(64, others(0), 0), 2);
});

test('without another one, all are kept', () => {
  assert.equal(takerOf(1_000, others()), null);
});
