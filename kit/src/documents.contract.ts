/** What holds for the documents of every service: the committed ones are what its contracts say, README and errors agree. UPDATE_DOCUMENTS=1 writes them anew. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { undocumentedErrors } from './errors-documented.ts';
import type { ErrorRegistry } from './errors.ts';

export interface Documented {
  /** The folder of the service, which has the README. */
  readonly service: URL;
  /** File name below `docs/api` of the repository, two floors above the service, and what it must hold. */
  readonly documents: Readonly<Record<string, object>>;
  readonly errors: ErrorRegistry;
  /** Whether each error belongs to an operation of the documents; default true. */
  readonly areErrorsOfOperations?: boolean;
}

/** Defines the tests. */
export function documentsContract({ service, documents, errors, areErrorsOfOperations = true }: Documented): void {
  for (const [name, document] of Object.entries(documents)) {
    test(`docs/api/${name} is what the contracts say`, () => {
      const file = new URL(`../../docs/api/${name}`, service);
      const made = `${JSON.stringify(document, null, 2)}\n`;
      if (process.env['UPDATE_DOCUMENTS'] === '1') writeFileSync(file, made);
      assert.equal(readFileSync(file, 'utf8'), made, 'UPDATE_DOCUMENTS=1 npm test writes it anew');
    });
  }

  test('the README lists every error with its status, and no other', () => {
    assert.deepEqual(undocumentedErrors(readFileSync(new URL('README.md', service), 'utf8'), errors), []);
  });

  if (!areErrorsOfOperations) return;
  test('every error is named by an operation that answers it', () => {
    const text = JSON.stringify(documents);
    for (const { code } of Object.values(errors)) assert.ok(text.includes(`"${code}"`), code);
  });
}
