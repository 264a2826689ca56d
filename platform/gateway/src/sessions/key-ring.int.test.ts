/** Signing keys are made once however many start at once, rotate, and stay until nothing needs them. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { createLogger } from '@switchyard/kit/log';
import { KEEP_AFTER_MS, KeyRing, PUBLISH_AHEAD_MS, ROTATE_AFTER_MS } from './key-ring.ts';

const log = createLogger({ service: 'gateway', level: 'silent' });

async function directory(context: TestContext): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'switchyard-keys-'));
  context.after(() => rm(made, { recursive: true, force: true }));
  return join(made, 'keys');
}

test('gateways that start at the same time agree on one key', async (t) => {
  const at = await directory(t);
  const rings = await Promise.all(Array.from({ length: 8 }, () => KeyRing.open(at, log)));
  assert.equal((await readdir(at)).length, 1);
  const published = await Promise.all(rings.map((ring) => ring.published()));
  assert.equal(new Set(published.map((one) => JSON.stringify(one))).size, 1);
});

test('keys are readable by their owner alone, and only public halves are published', async (t) => {
  const at = await directory(t);
  const ring = await KeyRing.open(at, log);
  const [name] = await readdir(at);
  assert.match(name!, /^gateway-.+\.private\.jwk\.json$/);
  assert.equal((await stat(join(at, name!))).mode & 0o777, 0o600);
  const { d } = JSON.parse(await readFile(join(at, name!), 'utf8')) as { d: string };
  assert.ok(d.length > 20);
  assert.ok(!JSON.stringify(await ring.published()).includes(d));
});

test("the yard's key for services is published beside ours, never its private half", async (t) => {
  const at = await directory(t);
  let nowMs = Date.now();
  const ring = await KeyRing.open(at, log, () => nowMs);
  await writeFile(
    join(at, 'services.public.jwk.json'),
    JSON.stringify({ kty: 'OKP', crv: 'Ed25519', kid: 'services-1', x: 'eA', d: 'secret' }),
  );
  nowMs += 2_000;
  const { keys } = await ring.published();
  assert.deepEqual(new Set(keys.map((key) => key.kid)), new Set([ring.signer.kid, 'services-1']));
  assert.ok(!JSON.stringify(keys).includes('secret'));
});

test('a key of its time gets a successor, which is published before it signs; the old one verifies on, then goes', async (t) => {
  const at = await directory(t);
  let nowMs = 1_800_000_000_000;
  const ring = await KeyRing.open(at, log, () => nowMs);
  const other = await KeyRing.open(at, log, () => nowMs);
  const first = ring.signer.kid;
  nowMs += ROTATE_AFTER_MS - 1;
  await ring.rotate();
  assert.equal((await ring.published()).keys.length, 1);
  nowMs += 1;
  await ring.rotate();
  const second = (await ring.published()).keys[0]!.kid!;
  assert.notEqual(second, first);
  assert.equal(ring.signer.kid, first);
  nowMs += PUBLISH_AHEAD_MS - 1;
  await other.rotate();
  assert.notEqual(
    await other.publicKeyOf(second),
    null,
    'another gateway learns of it before anything is signed with it',
  );
  assert.deepEqual([ring.signer.kid, other.signer.kid], [first, first]);
  nowMs += 1;
  assert.deepEqual([ring.signer.kid, other.signer.kid], [second, second]);
  nowMs += KEEP_AFTER_MS - 1;
  await ring.rotate();
  assert.notEqual(await ring.publicKeyOf(first), null);
  nowMs += 1;
  await ring.rotate();
  assert.equal(await ring.publicKeyOf(first), null);
  assert.equal((await readdir(at)).length, 1);
});

test('all who ask for a key that is new at the same time get it', async (t) => {
  const at = await directory(t);
  let nowMs = 1_800_000_000_000;
  const ring = await KeyRing.open(at, log, () => nowMs);
  nowMs += ROTATE_AFTER_MS;
  const other = await KeyRing.open(at, log, () => nowMs);
  const { kid } = (await other.published()).keys[0]!;
  const found = await Promise.all(Array.from({ length: 20 }, () => ring.publicKeyOf(kid!)));
  assert.ok(found.every((key) => key !== null));
});

test('a clock that was set back leaves the key that signs', async (t) => {
  const at = await directory(t);
  let nowMs = 1_800_000_000_000;
  const ring = await KeyRing.open(at, log, () => nowMs);
  const { kid } = ring.signer;
  nowMs -= 3_600_000;
  assert.equal(ring.signer.kid, kid);
  await ring.rotate();
  assert.equal(ring.signer.kid, kid);
  assert.equal((await ring.published()).keys.length, 1);
});

test('a torn key file is left out, and does not keep the gateway from starting', async (t) => {
  const at = await directory(t);
  await KeyRing.open(at, log);
  await writeFile(join(at, 'gateway-torn.private.jwk.json'), '{"kty":"OKP"');
  const ring = await KeyRing.open(at, log);
  assert.equal((await ring.published()).keys.length, 1);
});
