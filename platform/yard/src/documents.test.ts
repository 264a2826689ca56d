/** The committed documents of this project agree with its code. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { test } from 'node:test';
import { keysAllowedAt, SCHEMA_FILE, yardFileJsonSchema } from './yard-file/json-schema.ts';
import { readYardFile } from './yard-file/read-yard-file.ts';

const root = resolve(import.meta.dirname, '../../..');

test('the committed JSON Schema of switchyard.yaml is that of the contract (UPDATE_DOCUMENTS=1 rewrites it)', () => {
  const file = resolve(root, SCHEMA_FILE);
  const made = `${JSON.stringify(yardFileJsonSchema(), null, 2)}\n`;
  if (process.env['UPDATE_DOCUMENTS'] === '1') {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, made);
  }
  assert.equal(readFileSync(file, 'utf8'), made);
});

test('the yard file of this repository has no fault', () => {
  const read = readYardFile(resolve(root, 'switchyard.yaml'));
  assert.deepEqual('faults' in read ? read.faults : [], []);
});

test('the README of the yard has a row for each key of switchyard.yaml, and for no other', () => {
  const readme = readFileSync(resolve(root, 'platform/yard/README.md'), 'utf8');
  const [, section] = /\n## switchyard\.yaml\n([\s\S]*?)\n## /.exec(readme)!;
  const rows = [...section!.matchAll(/^\| `([A-Za-z.]+)` /gm)].map((match) => match[1]!);
  const of = (name: string) =>
    keysAllowedAt([name]).flatMap((key) => {
      const inner = keysAllowedAt([name, key]);
      return inner.length === 0 ? [`${name}.${key}`] : inner.map((deeper) => `${name}.${key}.${deeper}`);
    });
  assert.deepEqual(rows, [...keysAllowedAt(['services', 'x']), ...of('registry'), ...of('gateway')]);
});
