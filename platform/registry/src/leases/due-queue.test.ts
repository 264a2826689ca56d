/** What falls due next. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DueQueue } from './due-queue.ts';

const item = (name: string) => ({ name });
function drained(queue: DueQueue<{ name: string }>, nowMs: number): string[] {
  const names: string[] = [];
  for (let next = queue.takeDue(nowMs); next !== null; next = queue.takeDue(nowMs)) names.push(next.name);
  return names;
}

test('things fall due in the order of their times, not of their coming', () => {
  const queue = new DueQueue<{ name: string }>();
  for (const dueMs of [50, 10, 40, 20, 30]) queue.set(item(String(dueMs)), dueMs);
  assert.deepEqual(drained(queue, 40), ['10', '20', '30', '40']);
  assert.deepEqual(drained(queue, 49), []);
  assert.deepEqual(drained(queue, 50), ['50']);
  assert.equal(queue.size, 0);
});

test('what was put off falls due at its new time only', () => {
  const queue = new DueQueue<{ name: string }>();
  const a = item('a');
  queue.set(a, 10);
  queue.set(a, 30);
  queue.set(a, 60);
  assert.deepEqual(drained(queue, 59), []);
  assert.deepEqual(drained(queue, 60), ['a']);
  assert.deepEqual(drained(queue, 1_000), []);
});

test('what was brought forward falls due once, at its new time', () => {
  const queue = new DueQueue<{ name: string }>();
  const a = item('a');
  queue.set(a, 60);
  queue.set(a, 10);
  assert.equal(queue.nextMs, 10);
  assert.deepEqual(drained(queue, 100), ['a']);
});

test('what was deleted never falls due', () => {
  const queue = new DueQueue<{ name: string }>();
  const a = item('a');
  queue.set(a, 10);
  queue.delete(a);
  assert.deepEqual(drained(queue, 100), []);
});

test('ten thousand things renewed at random come out in order', () => {
  const queue = new DueQueue<{ name: string; dueMs: number }>();
  const items = Array.from({ length: 10_000 }, (_, index) => ({ name: String(index), dueMs: 0 }));
  let seed = 1;
  const random = (): number => (seed = (seed * 48_271) % 2_147_483_647);
  for (let round = 0; round < 3; round += 1)
    for (const one of items) {
      one.dueMs = random() % 100_000;
      queue.set(one, one.dueMs);
    }
  let taken = 0;
  for (let nowMs = 0; nowMs <= 100_000; nowMs += 100)
    for (let next = queue.takeDue(nowMs); next !== null; next = queue.takeDue(nowMs)) {
      assert.ok(next.dueMs <= nowMs && next.dueMs > nowMs - 100, `${next.dueMs} at ${nowMs}`);
      taken += 1;
    }
  assert.equal(taken, items.length);
});
