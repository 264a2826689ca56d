/** Who waits for a condition, and who tells of changes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Changes } from './changes.ts';

test('a condition is looked at again with each change, until it is met', async () => {
  const changes = new Changes();
  let looks = 0;
  const met = changes.until(() => ++looks === 3, new AbortController().signal);
  changes.notify();
  changes.notify();
  await met;
  changes.notify();
  assert.equal(looks, 3);
});

test('a condition that throws is the matter of whoever waits for it, not of whoever tells of a change', async () => {
  const changes = new Changes();
  let isBroken = false;
  let looks = 0;
  const condition = () => {
    looks += 1;
    if (isBroken) throw new Error('nothing to look at');
    return false;
  };
  const later = changes.until(condition, new AbortController().signal);
  isBroken = true;
  const atOnce = changes.until(condition, new AbortController().signal);
  changes.notify();
  await assert.rejects(later, /nothing to look at/);
  await assert.rejects(atOnce, /nothing to look at/);
  changes.notify();
  assert.equal(looks, 3);
});

test('a condition that is waited for no longer is not looked at any more', async () => {
  const changes = new Changes();
  const waiting = new AbortController();
  let looks = 0;
  const never = changes.until(() => {
    looks += 1;
    return false;
  }, waiting.signal);
  waiting.abort(new Error('enough'));
  changes.notify();
  await assert.rejects(never, /enough/);
  assert.equal(looks, 1);
});
