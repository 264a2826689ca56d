/** Proves that a cursor gives back its key to its own list, and is refused by every other. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { z } from 'zod';
import { decodeCursor, encodeCursor } from './cursor.ts';
import { Refusal } from './errors.ts';

const key = z.tuple([z.string(), z.int()]);
const raw = (text: string) => Buffer.from(text).toString('base64url');

describe('a cursor', () => {
  it('gives back the key that it was made of', () => {
    assert.deepEqual(decodeCursor('posts', key, encodeCursor('posts', ['é "x"', 7])), ['é "x"', 7]);
  });

  it('is absent on the first page', () => {
    assert.equal(decodeCursor('posts', key, undefined), undefined);
  });

  it('is refused when this list never issued it', () => {
    for (const cursor of [
      'x',
      '!!',
      encodeCursor('friends', ['a', 7]),
      encodeCursor('posts', ['a']),
      encodeCursor('posts', ['a', 'b']),
      encodeCursor('posts', ['a', 7, 8]),
      `${encodeCursor('posts', ['a', 7])}=`,
      raw('["posts", "a", 7]'),
      raw('["posts","a",7.0]'),
      raw('{"0":"posts"}'),
      raw('null'),
      raw('["posts","a",{"__proto__":1}]'),
    ]) {
      const refusal = decodeCursor('posts', key, cursor);
      assert.ok(refusal instanceof Refusal && refusal.error.code === 'REQUEST_CURSOR_INVALID', cursor);
    }
  });
});
