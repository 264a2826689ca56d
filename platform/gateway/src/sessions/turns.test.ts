/** A few at a time, in their order, and nobody waits for ever. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Turns } from './turns.ts';

function begin(options = { running: 2, waiting: 3, waitMs: 1_000 }) {
  let nowMs = 0;
  const turns = new Turns(options, () => nowMs);
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  const take = (nth: number): Promise<number | null> =>
    turns.take(() => {
      begun.push(nth);
      return new Promise((resolve) => (ends[nth] = () => resolve(nth)));
    });
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return { turns, begun, ends, take, settled, pass: (ms: number) => (nowMs += ms) };
}

test('who comes when all turns are taken waits for his own, in the order of coming', async () => {
  const { begun, ends, take, settled } = begin();
  const all = [0, 1, 2, 3].map(take);
  await settled();
  assert.deepEqual(begun, [0, 1]);
  ends[1]!();
  await settled();
  assert.deepEqual(begun, [0, 1, 2]);
  ends[2]!();
  ends[0]!();
  await settled();
  ends[3]!();
  assert.deepEqual(await Promise.all(all), [0, 1, 2, 3]);
});

test('beyond those who may wait, and after the time to wait, nothing is begun', async () => {
  const { begun, ends, take, settled, pass } = begin();
  const all = [0, 1, 2, 3, 4, 5].map(take);
  assert.equal(await all[5], null);
  pass(1_000);
  ends[0]!();
  await settled();
  assert.deepEqual(begun, [0, 1]);
  assert.deepEqual(await Promise.all([all[2], all[3], all[4]]), [null, null, null]);
  const later = take(6);
  await settled();
  assert.deepEqual(begun, [0, 1, 6]);
  ends[1]!();
  ends[6]!();
  assert.equal(await later, 6);
});

test('what fails gives its turn on', async () => {
  const { turns } = begin({ running: 1, waiting: 1, waitMs: 1_000 });
  const [failed, next] = await Promise.allSettled([
    turns.take(() => Promise.reject(new Error('no'))),
    turns.take(() => Promise.resolve('yes')),
  ]);
  assert.equal(failed.status, 'rejected');
  assert.deepEqual(next, { status: 'fulfilled', value: 'yes' });
});
