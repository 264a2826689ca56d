/** Proves what errors become on their way to a client, and that README and code agree. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { problem } from '@switchyard/contracts/problem';
import {
  accepted,
  defineErrors,
  problemOf,
  refuse,
  RefusedRequest,
  requestErrors,
  STATUS_OF,
  Unavailable,
} from './errors.ts';
import { undocumentedErrors } from './errors-documented.ts';
import { refusalOfError } from './http/problems.ts';
import { enterTrace, runInTrace } from './trace.ts';

const errors = defineErrors('TEA', {
  POT_EMPTY: { kind: 'conflict', title: 'The pot is empty', retryable: true },
});

describe('errors', () => {
  it('have the code of their registry', () => {
    assert.equal(errors.POT_EMPTY.code, 'TEA_POT_EMPTY');
    assert.ok(Object.isFrozen(errors) && Object.isFrozen(errors.POT_EMPTY));
  });

  it('become problem documents, with the id of the request that they were met in', () => {
    const refusal = refuse(errors.POT_EMPTY, {
      detail: 'Brew more',
      faults: [{ at: 'body.cup', message: 'is empty' }],
    });
    const document = runInTrace(enterTrace(undefined, 'r-1'), () => problemOf(refusal));
    assert.deepEqual(problem.parse(document), document);
    assert.deepEqual(document, {
      type: 'urn:switchyard:error:TEA_POT_EMPTY',
      title: 'The pot is empty',
      status: 409,
      code: 'TEA_POT_EMPTY',
      detail: 'Brew more',
      retryable: true,
      requestId: 'r-1',
      errors: [{ at: 'body.cup', message: 'is empty' }],
    });
    assert.ok(!('requestId' in problemOf(refusal)));
  });

  it('are values until the edge throws them', () => {
    assert.equal(accepted(7), 7);
    assert.throws(
      () => accepted(refuse(errors.POT_EMPTY)),
      (error) => error instanceof RefusedRequest && error.refusal.error === errors.POT_EMPTY,
    );
  });

  it('have statuses that are those of HTTP', () => {
    for (const { kind } of Object.values(requestErrors)) assert.ok(STATUS_OF[kind] >= 400 && STATUS_OF[kind] < 600);
  });

  it('of any request are in the README', async () => {
    const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
    assert.deepEqual(undocumentedErrors(readme, requestErrors), []);
  });

  it('tell a client nothing of what they are caused by', () => {
    for (const error of [
      new Error('secret'),
      new Unavailable('secret', { cause: 1 }),
      'secret',
      null,
      { status: 500, message: 'secret' },
    ])
      assert.doesNotMatch(JSON.stringify(problemOf(refusalOfError(error))), /secret/);
    assert.equal(refusalOfError(new Unavailable('x', { retryAfterSeconds: 9 })).retryAfterSeconds, 9);
  });
});
