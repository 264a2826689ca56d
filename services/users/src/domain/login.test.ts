/** What one may sign in with. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readLogin } from './login.ts';

test('one signs in by handle or by email address, in any case', () => {
  assert.deepEqual(readLogin('Ann_Lee '), { by: 'handle', value: 'ann_lee' });
  assert.deepEqual(readLogin('Ann@Example.ORG'), { by: 'email', value: 'ann@example.org' });
});

test('what has the shape of neither is nobody, before any database is asked', () => {
  for (const login of ['', 'ab', 'a b c', 'ann\u0000', '\ud800abc', "' OR 1=1 --", 'ann@', '@ann'])
    assert.equal(readLogin(login), null, JSON.stringify(login));
});
