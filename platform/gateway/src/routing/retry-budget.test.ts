/** Second attempts stay a share of the requests, whatever happens. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../testing/test-service.ts';
import { BALANCE_MAX, RetryBudget } from './retry-budget.ts';

const takenOf = (take: () => boolean, times: number): number =>
  Array.from({ length: times }, take).filter((isTaken) => isTaken).length;

test('a service that has just begun may repeat a few, and then a fifth of its requests', () => {
  const budget = new RetryBudget(0.2);
  assert.equal(
    takenOf(() => budget.take(), 100),
    BALANCE_MAX,
  );
  let taken = 0;
  for (let nth = 0; nth < 1_000; nth += 1) {
    budget.deposit();
    if (budget.take()) taken += 1;
  }
  assert.ok(Math.abs(taken - 200) <= 1, `${taken}`);
});

test('quiet times save up no flood', () => {
  const budget = new RetryBudget(1);
  for (let nth = 0; nth < 100_000; nth += 1) budget.deposit();
  assert.equal(
    takenOf(() => budget.take(), 1_000),
    BALANCE_MAX,
  );
});

test('a ratio of 0 repeats nothing', () => {
  const budget = new RetryBudget(0);
  for (let nth = 0; nth < 100; nth += 1) budget.deposit();
  assert.deepEqual([budget.take(), budget.borrow(), budget.takeForHedge()], [false, false, false]);
});

test('hedges leave something for requests that failed', () => {
  const budget = new RetryBudget(0.2);
  assert.equal(
    takenOf(() => budget.takeForHedge(), 100),
    5,
  );
  assert.equal(
    takenOf(() => budget.take(), 100),
    5,
  );
});

test('what moves from an instance that died is on credit, and paid back before anything else', () => {
  const budget = new RetryBudget(0.2);
  assert.equal(
    takenOf(() => budget.borrow(), 300),
    300,
  );
  assert.equal(budget.take(), false);
  for (let nth = 0; nth < 5 * 290; nth += 1) budget.deposit();
  assert.equal(budget.take(), false);
  for (let nth = 0; nth < 6; nth += 1) budget.deposit();
  assert.equal(budget.take(), true);
  assert.ok(takenOf(() => budget.borrow(), 10_000) < 1_100, 'credit has an end');
});

test('over any stretch of time attempts exceed requests by the ratio, what was saved and what is owed', () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const random = seededRandom(seed);
    const ratio = Math.round(random() * 100) / 100;
    const budget = new RetryBudget(ratio);
    let before = budget.balance;
    for (let stretch = 0; stretch < 50; stretch += 1) {
      let requests = 0;
      let repeated = 0;
      for (let nth = 0; nth < 200; nth += 1) {
        const drawn = random();
        if (drawn < 0.5) {
          budget.deposit();
          requests += 1;
        } else if (drawn < 0.7 ? budget.take() : drawn < 0.9 ? budget.takeForHedge() : budget.borrow()) repeated += 1;
      }
      const owed = Math.max(0, -budget.balance);
      assert.ok(repeated <= ratio * requests + Math.max(0, before) + owed + 1e-6);
      assert.ok(budget.balance <= BALANCE_MAX);
      before = budget.balance;
    }
  }
});
