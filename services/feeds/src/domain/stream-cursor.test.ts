/** Ids of stream events, there and back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRefusal } from '@switchyard/kit/errors';
import { decodeStreamCursor, encodeStreamCursor } from './stream-cursor.ts';

const post = (n: number) => `01890000-0000-7000-8000-${String(n).padStart(12, '0')}`;

test('what a stream sends, it takes back', () => {
  for (const beyond of [[], [post(1)], [post(1), post(2)]]) {
    const cursor = { since: '9223372036854775807', beyond };
    assert.deepEqual(decodeStreamCursor(encodeStreamCursor(cursor)), cursor);
  }
});

test('an id stays short, whatever there is beyond: the newest are kept', () => {
  const beyond = Array.from({ length: 300 }, (_, n) => post(n));
  const id = encodeStreamCursor({ since: '9223372036854775807', beyond });
  assert.ok(id.length < 1_000);
  assert.deepEqual(decodeStreamCursor(id), { since: '9223372036854775807', beyond: beyond.slice(-16) });
});

test('no id begins now', () => {
  assert.equal(decodeStreamCursor(undefined), undefined);
  assert.equal(decodeStreamCursor(''), undefined);
});

test('an id that no stream sends is refused', () => {
  const foreign = ['17', 'f', 'f-1', 'f1 ', 'f99999999999999999999', 'x', "f1'; --", 'f1.', 'f1.2', `f1.${post(1)}x`];
  for (const id of [...foreign, `f1${`.${post(1)}`.repeat(17)}`]) assert.ok(isRefusal(decodeStreamCursor(id)), id);
});
