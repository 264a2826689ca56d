/** Paths and screens. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { personPath, postPath, returnPath, screenAt } from './screens.ts';

const ID = '0198c2a4-7b1e-7c3d-8f00-0123456789ab';

test('each screen has a path', () => {
  assert.deepEqual(screenAt('/'), { name: 'feed' });
  assert.deepEqual(screenAt('/friends/find'), { name: 'find' });
  assert.deepEqual(screenAt(postPath(ID)), { name: 'post', id: ID });
  assert.deepEqual(screenAt(personPath('mina_k')), { name: 'person', handle: 'mina_k' });
});

test('a trailing slash and the case of handles and ids do not matter', () => {
  assert.deepEqual(screenAt('/friends/'), { name: 'friends' });
  assert.deepEqual(screenAt('/people/Mina'), { name: 'person', handle: 'mina' });
  assert.deepEqual(screenAt(`/posts/${ID.toUpperCase()}`), { name: 'post', id: ID });
});

test('anything else is no screen', () => {
  for (const path of [
    '',
    '//',
    '/nowhere',
    '/posts/17',
    '/people/ab',
    '/people/a b',
    '/people/%6dina',
    '/friends/requests/1',
    '/assets/index.js',
    '/toString',
    'constructor',
    '/__proto__',
  ]) {
    assert.equal(screenAt(path), null, path);
  }
});

test('after signing in one goes to a screen of this site and nowhere else', () => {
  assert.equal(returnPath('/friends/find?query=min'), '/friends/find?query=min');
  assert.equal(returnPath(null), '/');
  for (const wanted of [
    '//evil.example',
    'https://evil.example/',
    '/\\evil.example',
    '/sign-in',
    'javascript:alert(1)',
  ]) {
    assert.equal(returnPath(wanted), '/', wanted);
  }
});
