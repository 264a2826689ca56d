/** What is made of the counters of gateways that come, go, restart and are looked at now and then. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Traffic, Watchers } from '@switchyard/contracts/registry';
import { meanLatencyMs, TrafficSums } from './traffic-sums.ts';

const NONE: Traffic = { requests: 0, failed: 0, latencyMs: 0 };
const traffic = (requests: number, failed = 0, latencyMs = requests): Traffic => ({ requests, failed, latencyMs });
const gateway = (id: string, counters: Record<string, Traffic>): Watchers['watchers'][number] => ({
  id,
  role: 'gateway',
  connected: true,
  epoch: 1,
  inFlight: {},
  traffic: counters,
  leaseExpiresInMs: 9_000,
});

it('growth begins with the first look, and is summed over all gateways', () => {
  const sums = new TrafficSums();
  assert.deepEqual(sums.of('users-1'), NONE);
  sums.take([gateway('a', { 'users-1': traffic(100, 5) }), gateway('b', { 'users-1': traffic(50) })], 0);
  assert.deepEqual(sums.of('users-1'), NONE);
  sums.take(
    [gateway('a', { 'users-1': traffic(110, 6), 'users-2': traffic(3) }), gateway('b', { 'users-1': traffic(70) })],
    1_000,
  );
  assert.deepEqual(sums.of('users-1'), traffic(30, 1));
  assert.deepEqual(sums.of('users-2'), traffic(3));
  assert.deepEqual(sums.of('users-3'), NONE);
});

it('looking twice at the same counters counts nothing twice', () => {
  const sums = new TrafficSums();
  sums.take([gateway('a', { u: traffic(1) })], 0);
  for (const nowMs of [100, 100, 300]) sums.take([gateway('a', { u: traffic(9) })], nowMs);
  assert.deepEqual(sums.of('u'), traffic(8));
});

it('a gateway that restarts has another id and begins at 0: what it had counted stays, what it counts is added', () => {
  const sums = new TrafficSums();
  sums.take([gateway('a', { u: traffic(100) })], 0);
  sums.take([gateway('a', { u: traffic(120) })], 1_000);
  sums.take([], 2_000);
  sums.take([gateway('b', { u: traffic(7, 1) })], 3_000);
  sums.take([gateway('b', { u: traffic(9, 1) })], 4_000);
  assert.deepEqual(sums.of('u'), traffic(29, 1));
});

it('a gateway that vanishes and comes back, as when the registry restarts, goes on from where it was', () => {
  const sums = new TrafficSums();
  sums.take([gateway('a', { u: traffic(1_000) }), gateway('b', { u: traffic(10) })], 0);
  sums.take([gateway('b', { u: traffic(12) })], 1_000);
  sums.take([], 2_000);
  sums.take([gateway('a', { u: traffic(1_005) }), gateway('b', { u: traffic(12) })], 3_000);
  assert.deepEqual(sums.of('u'), traffic(7));
});

it('counters that fell under the same id have begun anew', () => {
  const sums = new TrafficSums();
  sums.take([gateway('a', { u: traffic(100, 50), v: traffic(5) })], 0);
  sums.take([gateway('a', { u: traffic(4, 1), v: traffic(6) })], 1_000);
  assert.deepEqual(sums.of('u'), traffic(4, 1));
  assert.deepEqual(sums.of('v'), traffic(1));
});

it('a deployment that a gateway leaves out for a while is not counted again', () => {
  const sums = new TrafficSums();
  sums.take([gateway('a', { u: traffic(100) })], 0);
  sums.take([gateway('a', {})], 1_000);
  sums.take([gateway('a', { u: traffic(103) })], 2_000);
  assert.deepEqual(sums.of('u'), traffic(3));
});

it('a registry that knows no gateway yet is no beginning, else theirs would look like new counters', () => {
  const sums = new TrafficSums();
  sums.take([], 0);
  sums.take([gateway('a', { u: traffic(5_000) })], 1_000);
  assert.deepEqual(sums.of('u'), NONE);
  sums.take([gateway('a', { u: traffic(5_001) })], 2_000);
  assert.deepEqual(sums.of('u'), traffic(1));
});

it('what clients send past the gateways is not counted', () => {
  const sums = new TrafficSums();
  const client = (counters: Record<string, Traffic>) => ({
    ...gateway('feeds-1.1', counters),
    role: 'client' as const,
  });
  sums.take([gateway('a', {}), client({})], 0);
  sums.take([gateway('a', { u: traffic(2) }), client({ u: traffic(40, 40) })], 1_000);
  assert.deepEqual(sums.of('u'), traffic(2));
});

it('the window holds the last ten seconds, and slides', () => {
  const sums = new TrafficSums();
  // One request a second, two milliseconds each; the one of second 15 fails.
  const at = (second: number) => gateway('a', { u: traffic(1_000 + second, second >= 15 ? 1 : 0, 2 * second) });
  for (let second = 0; second <= 60; second += 1) {
    sums.take([at(second)], second * 1_000);
    const seen = Math.min(second, 10);
    const failed = second >= 15 && second < 25 ? 1 : 0;
    assert.deepEqual(sums.recent('u', second * 1_000), traffic(seen, failed, 2 * seen), `second ${second}`);
    assert.equal(sums.recent('u', second * 1_000, 5_000).requests, Math.min(second, 5));
  }
  assert.deepEqual(sums.of('u'), traffic(60, 1, 120));
  assert.deepEqual(sums.recent('u', 65_000), traffic(5, 0, 10));
  assert.deepEqual(sums.recent('u', 90_000), NONE);
});

it('the window is exact to a fifth of a second, however often one looks', () => {
  const sums = new TrafficSums();
  for (let ms = 0; ms <= 30_000; ms += 10) sums.take([gateway('a', { u: traffic(ms) })], ms);
  const { requests } = sums.recent('u', 30_000);
  assert.ok(requests >= 10_000 && requests <= 10_200, `${requests} within ten seconds`);
});

it('seldom looks make a longer window, not an empty one', () => {
  const sums = new TrafficSums();
  sums.take([gateway('a', { u: traffic(0) })], 0);
  sums.take([gateway('a', { u: traffic(40) })], 30_000);
  assert.deepEqual(sums.recent('u', 30_000), traffic(40));
});

it('the mean of nothing is 0', () => {
  assert.equal(meanLatencyMs(NONE), 0);
  assert.equal(meanLatencyMs({ requests: 4, failed: 0, latencyMs: 10 }), 2.5);
});
