/** Which handles a text mentions. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MENTIONS_MAX, mentionedHandles } from './mentions.ts';

test('handles are found once each, in the order of their mention, in lower case', () => {
  assert.deepEqual(mentionedHandles('@bob and @Alice_1, again @BOB: (@carol)'), ['bob', 'alice_1', 'carol']);
});

test('addresses, runs of @ and names that are no handles are not mentions', () => {
  assert.deepEqual(
    mentionedHandles('bob@example.com @@dave @ab @가나다 @waytoolong_waytoolong_waytoolong x@bob @bob가'),
    [],
  );
});

test('a mention may stand beside Korean text and at either end', () => {
  assert.deepEqual(mentionedHandles('안녕 @bob!\n@carol'), ['bob', 'carol']);
});

test('no more than a bounded number of handles is asked for', () => {
  const text = Array.from({ length: 60 }, (_, i) => `@user${i}`).join(' ');
  assert.equal(mentionedHandles(text).length, MENTIONS_MAX);
});
