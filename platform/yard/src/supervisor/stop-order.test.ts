/** Who is stopped before whom. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { stopOrder } from './stop-order.ts';

it('who needs others is stopped before them, and what is independent at once', () => {
  assert.deepEqual(stopOrder({ users: [], feeds: ['users'], front: ['feeds'], other: [] }), [
    ['front', 'other'],
    ['feeds'],
    ['users'],
  ]);
});

it('a circle, and a need for what is not there, keep nobody from ending', () => {
  assert.deepEqual(stopOrder({ a: ['b'], b: ['a'], c: ['nobody'] }), [['c'], ['a', 'b']]);
  assert.deepEqual(stopOrder({}), []);
});
