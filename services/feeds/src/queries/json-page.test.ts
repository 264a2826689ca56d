/** Pages made of rendered rows. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { decodeCursor } from '@switchyard/kit/cursor';
import { jsonPage } from './json-page.ts';

const rows = ['a', 'b', 'c'].map((id) => ({ id, json: JSON.stringify({ id, text: '"{}' }) }));

test('a page is JSON, and a row beyond the limit is only a sign that there is more', () => {
  const page = JSON.parse(jsonPage('feed', rows, 2)) as { items: { id: string }[]; nextCursor: string };
  assert.deepEqual(
    page.items.map((item) => item.id),
    ['a', 'b'],
  );
  assert.deepEqual(decodeCursor('feed', z.tuple([z.string()]), page.nextCursor), ['b']);
});

test('the last page and an empty one have no cursor', () => {
  assert.equal((JSON.parse(jsonPage('feed', rows, 3)) as { nextCursor: null }).nextCursor, null);
  assert.deepEqual(JSON.parse(jsonPage('feed', [], 20)), { items: [], nextCursor: null });
});
