/** Events as they were first published: the schemas of today must go on reading every one of them, whole. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { usersEvents } from '@switchyard/contracts/users-events';

const ANN = '019ca945-0a00-775d-b8b4-22144b59d12b';
const BOB = '019ca946-3a10-7f00-9c51-0b9f4f1f6c2e';

/** Add the new version's example when a schema grows; never change or remove one. */
const ARCHIVE: readonly (readonly [type: string, data: object])[] = [
  ['users.user.registered.v1', { userId: ANN, handle: 'ann', name: 'Ann', createdAt: '2026-03-01T12:00:00.000Z' }],
  ['users.user.changed.v1', { userId: ANN, handle: 'ann_lee', name: 'Ann Lee' }],
  ['users.user.deleted.v1', { userId: ANN }],
  ['users.friendship.started.v1', { a: ANN, b: BOB }],
  ['users.friendship.ended.v1', { a: ANN, b: BOB }],
  ['users.block.placed.v1', { blocker: BOB, blocked: ANN }],
  ['users.block.lifted.v1', { blocker: BOB, blocked: ANN }],
];

test('every archived event is read by the schema of today, and loses no field', () => {
  for (const [type, data] of ARCHIVE) {
    const contract = Object.values(usersEvents).find((event) => event.type === type);
    assert.ok(contract !== undefined, `${type} is no longer published`);
    assert.deepEqual(contract.data.parse(data), data, type);
  }
});

test('every event that is published has an archived example', () => {
  assert.deepEqual(
    new Set(ARCHIVE.map(([type]) => type)),
    new Set(Object.values(usersEvents).map((event) => event.type)),
  );
});
