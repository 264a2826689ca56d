/** Pages made of rendered items. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeCursor } from '@switchyard/kit/cursor';
import { z } from 'zod';
import { jsonPage } from './json-page.ts';

test('a page is JSON, with a cursor where another one follows', () => {
  const page = JSON.parse(jsonPage('feed', { items: '{"id":"a"},{"id":"b"}', next: 'b' })) as {
    items: unknown;
    nextCursor: string;
  };
  assert.deepEqual(page.items, [{ id: 'a' }, { id: 'b' }]);
  assert.deepEqual(decodeCursor('feed', z.tuple([z.string()]), page.nextCursor), ['b']);
});

test('the last page and an empty one have no cursor', () => {
  assert.deepEqual(JSON.parse(jsonPage('feed', { items: '1', next: null })), { items: [1], nextCursor: null });
  assert.deepEqual(JSON.parse(jsonPage('feed', { items: null, next: null })), { items: [], nextCursor: null });
});
