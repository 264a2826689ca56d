/** Ids of stream events, there and back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRefusal } from '@switchyard/kit/errors';
import { decodeStreamCursor, encodeStreamCursor } from './stream-cursor.ts';

test('what a stream sends, it takes back', () => {
  assert.equal(decodeStreamCursor(encodeStreamCursor('9223372036854775807')), '9223372036854775807');
});

test('no id begins now', () => {
  assert.equal(decodeStreamCursor(undefined), undefined);
  assert.equal(decodeStreamCursor(''), undefined);
});

test('an id that no stream sends is refused', () => {
  for (const foreign of ['17', 'f', 'f-1', 'f1 ', 'f99999999999999999999', 'x', "f1'; --"])
    assert.ok(isRefusal(decodeStreamCursor(foreign)), foreign);
});
