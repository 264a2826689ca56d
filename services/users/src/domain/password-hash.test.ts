/** The PHC string of a stored password. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatPasswordHash, HASH_PARAMETERS, isOutdated, parsePasswordHash } from './password-hash.ts';

const hash = { memoryKib: 19_456, passes: 2, lanes: 1, salt: Buffer.alloc(16, 1), tag: Buffer.alloc(32, 2) };

test('a stored password carries its parameters', () => {
  const phc = formatPasswordHash(hash);
  assert.equal(
    phc,
    '$argon2id$v=19$m=19456,t=2,p=1$AQEBAQEBAQEBAQEBAQEBAQ$AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI',
  );
  assert.deepEqual(parsePasswordHash(phc), hash);
});

test('anything else in its place is a fault, not a wrong password', () => {
  for (const phc of [
    '',
    'secret',
    '$argon2i$v=19$m=19456,t=2,p=1$AQEBAQEBAQE$AgICAgICAgI',
    '$2b$12$abcdefghijklmnopqrstuv',
  ])
    assert.throws(() => parsePasswordHash(phc), /PHC/);
});

test('a hash is outdated when any of its parameters is not that of today', () => {
  assert.equal(isOutdated(hash), false);
  assert.equal(isOutdated({ ...HASH_PARAMETERS, memoryKib: 9_216 }), true);
  assert.equal(isOutdated({ ...HASH_PARAMETERS, passes: 1 }), true);
  assert.equal(isOutdated({ ...HASH_PARAMETERS, lanes: 2 }), true);
});

test('parameters are at least what OWASP asks for argon2id', () => {
  assert.ok(HASH_PARAMETERS.memoryKib >= 19 * 1_024 && HASH_PARAMETERS.passes >= 2 && HASH_PARAMETERS.lanes >= 1);
});
