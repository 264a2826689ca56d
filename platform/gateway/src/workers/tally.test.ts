/** What is summed over workers never falls, whoever dies. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_COUNTS } from '../observe/figures.ts';
import type { Counts } from '../observe/figures.ts';
import { Tally } from './tally.ts';

const countsOf = (requests: number, deployment = 'users-1'): Counts => ({
  ...NO_COUNTS,
  series: {
    [deployment]: {
      service: 'users',
      deployment,
      byClass: [0, requests, 0, 0, 0],
      buckets: [requests, 0],
      seconds: requests / 10,
      retries: 0,
      upstreamErrors: 0,
    },
  },
  errors: { GATEWAY_NO_ROUTE: requests },
  traffic: { [deployment]: { requests, failed: 1, latencyMs: 5 } },
});
const requestsIn = (counts: Counts, deployment = 'users-1'): number => counts.series[deployment]?.byClass[1] ?? 0;

test('what each worker has counted is summed', () => {
  const tally = new Tally();
  tally.take(2, countsOf(10));
  tally.take(3, countsOf(5));
  const sum = tally.sum(countsOf(1));
  assert.equal(requestsIn(sum), 16);
  assert.deepEqual(sum.errors, { GATEWAY_NO_ROUTE: 16 });
  assert.deepEqual(sum.traffic, { 'users-1': { requests: 16, failed: 3, latencyMs: 15 } });
  assert.deepEqual(sum.series['users-1']!.buckets, [16, 0]);
});

test('a worker that does not answer counts as it did when it was heard last', () => {
  const tally = new Tally();
  tally.take(2, countsOf(10));
  tally.take(2, countsOf(12));
  assert.equal(requestsIn(tally.sum(NO_COUNTS)), 12);
});

test('what a worker that died had counted is added on, and the one in its place begins at nothing', () => {
  const tally = new Tally();
  tally.take(2, countsOf(10));
  tally.ended(2);
  assert.equal(requestsIn(tally.sum(NO_COUNTS)), 10);
  tally.take(2, countsOf(3));
  assert.equal(requestsIn(tally.sum(NO_COUNTS)), 13);
  tally.ended(2);
  tally.ended(2);
  assert.equal(requestsIn(tally.sum(NO_COUNTS)), 13);
});

test('a deployment that left is forgotten of the living and the dead, and no other one is', () => {
  const tally = new Tally();
  tally.take(2, countsOf(10));
  tally.ended(2);
  tally.take(2, countsOf(10));
  tally.take(3, countsOf(4, 'users-2'));
  tally.forget(['users-1']);
  const sum = tally.sum(NO_COUNTS);
  assert.equal(requestsIn(sum), 0);
  assert.equal(requestsIn(sum, 'users-2'), 4);
  assert.deepEqual(sum.errors, { GATEWAY_NO_ROUTE: 24 });
});
