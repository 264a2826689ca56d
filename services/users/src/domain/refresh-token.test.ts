/** Refresh tokens and their successors. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { firstToken, formatToken, newSalt, parseToken, storedHash, successorOf } from './refresh-token.ts';

test('a token is 64 characters of base64url and reads back as it was made', () => {
  const token = firstToken(randomBytes);
  assert.match(formatToken(token), /^[A-Za-z0-9_-]{64}$/);
  assert.deepEqual(parseToken(formatToken(token)), token);
});

test('what was never a token of ours is none', () => {
  for (const written of ['', 'x', 'a'.repeat(63), 'a'.repeat(65), `${'a'.repeat(63)}=`, `${'a'.repeat(63)}\u0000`])
    assert.equal(parseToken(written), null);
});

test('the same token and salt lead to the same successor of the same family', () => {
  const token = firstToken(randomBytes);
  const salt = newSalt(randomBytes);
  assert.deepEqual(successorOf(token, salt), successorOf(token, salt));
  assert.deepEqual(successorOf(token, salt).family, token.family);
});

test('neither the salt alone nor the token alone leads to the successor', () => {
  const token = firstToken(randomBytes);
  const salt = newSalt(randomBytes);
  const successor = successorOf(token, salt);
  assert.notDeepEqual(successorOf({ ...token, secret: storedHash(token.secret) }, salt), successor);
  assert.notDeepEqual(successorOf(token, newSalt(randomBytes)), successor);
});
