/** Which traces are kept. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { Sampling } from './sampling.ts';

test('what a share keeps, every larger share keeps', () => {
  const shares = [0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.9, 0.999, 1].map((share) => new Sampling(share));
  for (let nth = 0; nth < 5_000; nth += 1) {
    const id = randomBytes(16).toString('hex');
    const decisions = shares.map((sampling) => sampling.keeps(id));
    assert.deepEqual([decisions[0], decisions.at(-1)], [false, true]);
    assert.deepEqual(
      decisions,
      decisions.toSorted((a, b) => Number(a) - Number(b)),
    );
  }
});

test('it is decided by the last 52 bits, as a number', () => {
  for (const share of [0.0001, 0.3, 1 / 3, 0.75, 0.9999]) {
    const sampling = new Sampling(share);
    for (let nth = 0; nth < 2_000; nth += 1) {
      const id = randomBytes(16).toString('hex');
      assert.equal(sampling.keeps(id), Number.parseInt(id.slice(-13), 16) >= Math.floor((1 - share) * 16 ** 13), id);
      assert.equal(sampling.keeps(`${'0'.repeat(19)}${id.slice(-13)}`), sampling.keeps(id));
    }
  }
});

test('about the share is kept', () => {
  const sampling = new Sampling(0.1);
  let kept = 0;
  for (let nth = 0; nth < 20_000; nth += 1) if (sampling.keeps(randomBytes(16).toString('hex'))) kept += 1;
  // 2,000, and seven standard deviations of it.
  assert.ok(kept > 1_700 && kept < 2_300, String(kept));
});
