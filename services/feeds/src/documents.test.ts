/** The documents that are committed and the README say what the code does. UPDATE_DOCUMENTS=1 writes the documents anew. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { undocumentedErrors } from '@switchyard/kit/errors-documented';
import { asyncApi, openApi } from './documents.ts';
import { feedsErrors } from './domain/errors.ts';

for (const [name, document] of Object.entries({ 'feeds.openapi.json': openApi, 'feeds.asyncapi.json': asyncApi })) {
  test(`docs/api/${name} is what the contracts say`, () => {
    const file = new URL(`../../../docs/api/${name}`, import.meta.url);
    const made = `${JSON.stringify(document, null, 2)}\n`;
    if (process.env['UPDATE_DOCUMENTS'] === '1') writeFileSync(file, made);
    assert.equal(readFileSync(file, 'utf8'), made, 'UPDATE_DOCUMENTS=1 npm test writes it anew');
  });
}

test('the README lists every error with its status, and no other', () => {
  assert.deepEqual(undocumentedErrors(readFileSync(new URL('../README.md', import.meta.url), 'utf8'), feedsErrors), []);
});

test('every error of Feeds is named by an operation that answers it', () => {
  const text = JSON.stringify(openApi);
  for (const { code } of Object.values(feedsErrors)) assert.ok(text.includes(`"${code}"`), code);
});
