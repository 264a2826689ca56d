/** The document that is committed and the README say what the code does. UPDATE_DOCUMENTS=1 writes the document anew. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { undocumentedErrors } from '@switchyard/kit/errors-documented';
import { openApi } from './documents.ts';
import { registryErrors } from './errors.ts';

test('docs/api/registry.openapi.json is what the contract says', () => {
  const file = new URL('../../../docs/api/registry.openapi.json', import.meta.url);
  const made = `${JSON.stringify(openApi, null, 2)}\n`;
  if (process.env['UPDATE_DOCUMENTS'] === '1') writeFileSync(file, made);
  assert.equal(readFileSync(file, 'utf8'), made, 'UPDATE_DOCUMENTS=1 npm test writes it anew');
});

test('the README lists every error with its status, and no other', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  assert.deepEqual(undocumentedErrors(readme, registryErrors), []);
});

test('every error of the registry is named by an operation that answers it', () => {
  const text = JSON.stringify(openApi);
  for (const { code } of Object.values(registryErrors)) assert.ok(text.includes(`"${code}"`), code);
});
