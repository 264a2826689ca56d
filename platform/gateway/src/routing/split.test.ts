/** Shares, and who stays where when they change. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Deployment } from './deployment.ts';
import { Instance } from './instance.ts';
import { PreviewToken } from './preview-token.ts';
import { bucketOfName, BUCKETS, LIVE_BUCKET, PREVIEW_BUCKET, Split } from './split.ts';

const deploymentOf = (id: string, isUp = true): Deployment => {
  const deployment = new Deployment(id, 'x', () => {});
  if (isUp) deployment.take([new Instance({ id: `${id}-a`, host: '127.0.0.1', port: 1 })]);
  return deployment;
};
const old = deploymentOf('x-1');
const next = deploymentOf('x-2');
const all = new Map([old, next].map((one) => [one.id, one]));
const buckets = Array.from({ length: BUCKETS }, (_, bucket) => bucket);

/** Buckets that the canary gets at this share. */
const canaryAt = (share: number, canary = next, deployments = all): number[] => {
  const split = new Split({ 'x-1': 100 - share, [canary.id]: share }, old, deployments);
  return buckets.filter((bucket) => split.choose(bucket) === canary);
};

test('a canary gets as many of the hundred buckets as its share says', () => {
  for (const share of [0, 1, 10, 50, 99, 100]) assert.equal(canaryAt(share).length, share);
});

test('whoever is on the canary stays there while its share grows', () => {
  for (let share = 1; share <= 100; share += 1) {
    const now = new Set(canaryAt(share));
    for (const bucket of canaryAt(share - 1)) assert.ok(now.has(bucket), `${bucket} at ${share} %`);
  }
});

test('it is not always the same ones who get what is new', () => {
  const third = deploymentOf('x-3');
  const deployments = new Map([old, third].map((one) => [one.id, one]));
  assert.notDeepEqual(canaryAt(10), canaryAt(10, third, deployments));
});

test('sessions are spread evenly over the buckets, and each always gets the same', () => {
  const counts = buckets.map(() => 0);
  for (let nth = 0; nth < 100_000; nth += 1) counts[bucketOfName(`019a0000-0000-7000-8000-${nth}`)]! += 1;
  for (const count of counts) assert.ok(count > 800 && count < 1_200, `${count} of 100,000 in one of 100`);
  assert.equal(bucketOfName('019a0000-0000-7000-8000-7'), bucketOfName('019a0000-0000-7000-8000-7'));
});

test('the share of a deployment without an instance goes to the live one', () => {
  const down = deploymentOf('x-2', false);
  const split = new Split({ 'x-1': 50, 'x-2': 50 }, old, new Map([old, down].map((one) => [one.id, one])));
  for (const bucket of buckets) assert.equal(split.choose(bucket), null);
  const gone = new Split({ 'x-1': 50, 'x-2': 50 }, old, new Map([['x-1', old]]));
  for (const bucket of [...buckets, PREVIEW_BUCKET]) assert.equal(gone.choose(bucket), null);
});

test("a preview is nobody's by chance, and that of who asks for it also without an instance", () => {
  const down = deploymentOf('x-2', false);
  for (const tried of [next, down]) {
    const split = new Split({ 'x-1': 100, 'x-2': 0 }, old, new Map([old, tried].map((one) => [one.id, one])));
    for (const bucket of [...buckets, LIVE_BUCKET]) assert.equal(split.choose(bucket), null);
    assert.equal(split.choose(PREVIEW_BUCKET), tried);
  }
  assert.equal(new Split({ 'x-1': 90, 'x-2': 10 }, old, all).choose(PREVIEW_BUCKET), next, 'a canary too');
});

test('only the token whose hash is known opens a preview, and without a hash none does', () => {
  // SHA-256 of `secret`, by another program.
  const token = new PreviewToken('2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b');
  assert.equal(token.matches('secret'), true);
  for (const wrong of ['', 'Secret', 'secret ', 'secret,secret', 's'.repeat(100_000)])
    assert.equal(token.matches(wrong), false, wrong.slice(0, 20));
  for (const any of ['', 'secret']) assert.equal(new PreviewToken(undefined).matches(any), false);
});
