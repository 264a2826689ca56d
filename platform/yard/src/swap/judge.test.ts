/** Which figures take a swap back, and which do not. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Traffic } from '@switchyard/contracts/registry';
import { judge } from './judge.ts';
import type { JudgedTraffic } from './judge.ts';

const LIMITS = { minRequests: 20, errorRatio: 0.05, latencyRatio: 3 };
const errors = (failed: number, requests: number): Traffic => ({ requests, failed, latencyMs: 10 * requests });
const taking = (meanMs: number, requests: number): Traffic => ({ requests, failed: 0, latencyMs: meanMs * requests });
const say = (before: Traffic | null, now: Traffic, more: Partial<JudgedTraffic> = {}) =>
  judge({ limits: LIMITS, before, now, ...more });
const isWorse = (...figures: Parameters<typeof say>): boolean => say(...figures) !== null;

it('a share of failures that the old one did not have is a reason, in one sentence with both figures', () => {
  assert.equal(
    say(errors(1, 1_000), errors(23, 40), { old: 'users-6' }),
    '23 of 40 requests failed (57 %) within ten seconds; on users-6 it was 0.1 %',
  );
  assert.equal(
    say(errors(0, 1_000), errors(40, 40)),
    '40 of 40 requests failed (100 %) within ten seconds; on the deployment before it was 0 %',
  );
  assert.equal(
    say(errors(1, 50_000), errors(30, 400), { old: 'users-6' }),
    '30 of 400 requests failed (7.5 %) within ten seconds; on users-6 it was less than 0.1 %',
  );
});

it('where there is nothing to compare with, failures are a reason all the same', () => {
  assert.equal(say(null, errors(20, 20)), '20 of 20 requests failed (100 %) within ten seconds');
  assert.equal(
    say(errors(0, 0), errors(20, 20), { old: 'users-6' }),
    '20 of 20 requests failed (100 %) within ten seconds; users-6 had none to compare with',
  );
});

it('few requests decide nothing, so that quiet services do not flap', () => {
  assert.equal(say(errors(0, 1_000), errors(0, 0)), null);
  assert.equal(say(errors(0, 1_000), errors(19, 19)), null);
  assert.ok(isWorse(errors(0, 1_000), errors(20, 20)));
  assert.ok(isWorse(errors(0, 1_000), errors(1, 1), { limits: { ...LIMITS, minRequests: 1 } }));
});

it('the allowed share itself is allowed, more is not', () => {
  assert.equal(say(errors(0, 1_000), errors(1, 20)), null);
  assert.equal(say(errors(0, 1_000), errors(50, 1_000)), null);
  assert.ok(isWorse(errors(0, 1_000), errors(51, 1_000)));
  assert.ok(isWorse(errors(0, 1_000), errors(1, 1_000), { limits: { ...LIMITS, errorRatio: 0 } }));
  assert.equal(say(errors(0, 1_000), errors(1_000, 1_000), { limits: { ...LIMITS, errorRatio: 1 } }), null);
});

it('a new one that fails as the old one did is not worse', () => {
  assert.equal(say(errors(300, 1_000), errors(12, 40)), null);
  assert.equal(say(errors(1_000, 1_000), errors(40, 40)), null);
  assert.ok(isWorse(errors(300, 1_000), errors(400, 1_000)));
});

it('where the old one failed now and then, chance alone is no reason', () => {
  // 4 %: two of twenty are above 4 % + 5 %, and come about by chance in every fifth window.
  assert.equal(say(errors(40, 1_000), errors(2, 20)), null);
  assert.equal(say(errors(40, 1_000), errors(3, 20)), null);
  assert.ok(isWorse(errors(40, 1_000), errors(5, 20)));
  assert.ok(isWorse(errors(40, 1_000), errors(100, 1_000)));
});

it('one failure of one request on the old one does not excuse everything', () => {
  assert.ok(isWorse(errors(1, 1), errors(20, 20)));
  assert.ok(isWorse(errors(3, 3), errors(30, 40)));
});

it('fewer failures, or none on either, are no reason', () => {
  assert.equal(say(errors(100, 1_000), errors(0, 1_000)), null);
  assert.equal(say(errors(0, 1_000), errors(0, 1_000)), null);
});

it('a mean that is several times that of the old one is a reason, in one sentence with both figures', () => {
  assert.equal(
    say(taking(35, 1_000), taking(412, 120), { old: 'users-6' }),
    '120 requests took 412 ms on average within ten seconds; on users-6 it was 35 ms',
  );
  assert.equal(
    say(taking(1.25, 1_000), taking(60, 120)),
    '120 requests took 60 ms on average within ten seconds; on the deployment before it was 1.3 ms',
  );
});

it('a mean is judged by five times as many requests as failures are', () => {
  assert.equal(say(taking(35, 1_000), taking(412, 99)), null);
  assert.ok(isWorse(taking(35, 1_000), taking(412, 100)));
});

it('the allowed multiple itself is allowed, more is not', () => {
  assert.equal(say(taking(100, 1_000), taking(300, 100)), null);
  assert.ok(isWorse(taking(100, 1_000), taking(301, 100)));
});

it('a difference that nobody notices is no reason, whatever the multiple', () => {
  assert.equal(say(taking(1, 1_000), taking(51, 1_000)), null);
  assert.equal(say(taking(0, 1_000), taking(50, 1_000)), null);
  assert.ok(isWorse(taking(0, 1_000), taking(51, 1_000)));
});

it('without enough of the old one there is nothing that a mean could be compared with', () => {
  assert.equal(say(null, taking(5_000, 1_000)), null);
  assert.equal(say(taking(1, 19), taking(5_000, 1_000)), null);
  assert.ok(isWorse(taking(1, 20), taking(5_000, 1_000)));
});

it('a process that is slow at first and then as fast as the old one is kept', () => {
  const first = taking(500, 60);
  const then = taking(10, 140);
  const all: Traffic = { requests: 200, failed: 0, latencyMs: first.latencyMs + then.latencyMs };
  assert.ok(isWorse(taking(10, 1_000), all), 'the mean of all alone is a reason');
  assert.equal(say(taking(10, 1_000), all, { lately: then }), null);
});

it('one request that took half a minute is no reason, in whichever half of the window it ended', () => {
  const outlier: Traffic = { requests: 100, failed: 0, latencyMs: 99 * 10 + 30_000 };
  const usual = taking(10, 100);
  const now: Traffic = { requests: 200, failed: 0, latencyMs: outlier.latencyMs + usual.latencyMs };
  assert.ok(isWorse(taking(10, 1_000), now), 'the mean of all alone is a reason');
  assert.equal(say(taking(10, 1_000), now, { lately: outlier }), null);
  assert.equal(say(taking(10, 1_000), now, { lately: usual }), null);
});

it('what stays slow is a reason as soon as both halves of the window have enough requests', () => {
  const old = taking(10, 1_000);
  assert.equal(say(old, taking(400, 200), { lately: taking(400, 200) }), null);
  assert.equal(say(old, taking(400, 200), { lately: taking(400, 176) }), null);
  assert.ok(isWorse(old, taking(400, 200), { lately: taking(400, 175) }));
  assert.ok(isWorse(old, taking(400, 200), { lately: taking(400, 100) }));
});

it('failures are told before latency', () => {
  const now: Traffic = { requests: 200, failed: 100, latencyMs: 200 * 900 };
  assert.match(say(taking(10, 1_000), now) ?? '', /^100 of 200 requests failed/);
});
