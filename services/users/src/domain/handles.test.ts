/** Reserved and resting handles. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isReservedHandle, restedBefore } from './handles.ts';

test('names of the system and of roles that people trust are reserved', () => {
  for (const handle of ['admin', 'root', 'api', 'system', 'switchyard', 'support', 'suggestions', 'requests', 'null'])
    assert.equal(isReservedHandle(handle), true, handle);
});

test('underscores do not make a reserved handle free', () => {
  for (const handle of ['_admin_', 'ad_min', 'no_reply', 'switch_yard', '__api'])
    assert.equal(isReservedHandle(handle), true, handle);
});

test('ordinary handles are free, also when a reserved word is part of them', () => {
  for (const handle of ['ann', 'admiral', 'root_beer', 'api_fan_7', '___', 'user_1'])
    assert.equal(isReservedHandle(handle), false, handle);
});

test('a handle rests for ninety days', () => {
  assert.equal(restedBefore(new Date('2026-06-30T00:00:00Z')).toISOString(), '2026-04-01T00:00:00.000Z');
});
