/** Which calls are made a second time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pauseBeforeSecondTry } from './second-try.ts';

const failed = (method: string, status: number, retryAfterSeconds: number | null = null) =>
  pauseBeforeSecondTry({ method, status, retryAfterSeconds }, 0.5);

test('reading is tried again after the time that the answer names, and a little more', () => {
  assert.equal(failed('GET', 503, 1), 1_150);
  assert.equal(failed('GET', 502, 0), 150);
  assert.equal(failed('GET', 502), 450);
});

test('what changes something is never sent twice', () => {
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) assert.equal(failed(method, 503, 1), null, method);
});

test('what will not be otherwise in a moment is told at once', () => {
  for (const status of [400, 401, 404, 409, 429, 500, 501, 504]) assert.equal(failed('GET', status, 1), null);
  assert.equal(failed('GET', 503, 30), null);
});
