/** Which of two deployments beside each other does what only one is to do, and which of them is sent requests. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRoutedTo, otherIsLive } from './standing.ts';
import { testInstance, testTable } from './test-table.ts';

const old = { service: 'feeds', deployment: 'feeds-1' };
const candidate = { service: 'feeds', deployment: 'feeds-2' };
const both = { 'feeds-1': [testInstance('a')], 'feeds-2': [testInstance('b')] };

test('a candidate finds the live deployment before it, and the standby finds what was the candidate', () => {
  const before = testTable('feeds', 'feeds-1', both);
  const after = testTable('feeds', 'feeds-2', both);
  assert.deepEqual([otherIsLive(before, old), otherIsLive(before, candidate)], [false, true]);
  assert.deepEqual([otherIsLive(after, old), otherIsLive(after, candidate)], [true, false]);
});

test('who knows of no other that is live and up is on its own', () => {
  assert.equal(otherIsLive(null, old), false);
  assert.equal(otherIsLive(testTable('users', 'users-1', {}), old), false);
  assert.equal(otherIsLive(testTable('feeds', null, both), old), false);
  assert.equal(otherIsLive(testTable('feeds', 'feeds-2', { 'feeds-2': [] }), old), false);
  const down = { 'feeds-2': [testInstance('b', { status: 'DOWN' })] };
  assert.equal(otherIsLive(testTable('feeds', 'feeds-2', down), old), false);
});

test('requests go to the live deployment and to those that share its traffic, a preview included; not to standby and candidate', () => {
  const table = testTable('feeds', 'feeds-1', both);
  assert.deepEqual([isRoutedTo(table, old), isRoutedTo(table, candidate)], [true, false]);
  table.services['feeds']!.split = { 'feeds-1': 100, 'feeds-2': 0 };
  assert.equal(isRoutedTo(table, candidate), true);
});

test('who knows of no live deployment expects requests', () => {
  assert.equal(isRoutedTo(null, old), true);
  assert.equal(isRoutedTo(testTable('users', 'users-1', {}), old), true);
  assert.equal(isRoutedTo(testTable('feeds', null, both), old), true);
});
