/** What asking for friendship leads to. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askingWhen } from './friendship.ts';

test('asking a stranger makes a request, asking who has asked makes friends', () => {
  assert.deepEqual(askingWhen('none'), { outcome: 'request' });
  assert.deepEqual(askingWhen('incoming'), { outcome: 'befriend' });
});

test('asking a friend, oneself, or again is refused, each with its own code', () => {
  const codes = (['friends', 'self', 'outgoing'] as const).map((relation) => {
    const asking = askingWhen(relation);
    return asking.outcome === 'refuse' ? asking.error.code : asking.outcome;
  });
  assert.deepEqual(codes, ['USERS_ALREADY_FRIENDS', 'USERS_SELF', 'USERS_ALREADY_REQUESTED']);
});
