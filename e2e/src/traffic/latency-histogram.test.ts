/** Percentiles from buckets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LatencyHistogram } from './latency-histogram.ts';

test('percentiles are at most 2 % above the true ones, and the maximum is exact', () => {
  const histogram = new LatencyHistogram();
  for (let ms = 1; ms <= 1_000; ms++) histogram.record(ms);
  for (const [share, exact] of [
    [0.5, 500],
    [0.9, 900],
    [0.99, 990],
  ] as const) {
    const found = histogram.percentile(share);
    assert.ok(found >= exact * 0.999 && found <= exact * 1.021, `${share}: ${found}`);
  }
  assert.equal(histogram.percentile(1), 1_000);
  assert.equal(histogram.summary().max, 1_000);
});

test('without values, and with a value of nothing, percentiles are next to nothing', () => {
  assert.equal(new LatencyHistogram().percentile(0.99), 0);
  const histogram = new LatencyHistogram();
  histogram.record(0);
  assert.ok(histogram.percentile(0.5) <= 0.01);
});
