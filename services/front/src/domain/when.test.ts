/** Times as they are read, in both languages. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exactly, monthOf, whenOf } from './when.ts';

const NOW = Date.parse('2025-11-22T12:00:00.000Z');
const ago = (ms: number) => new Date(NOW - ms).toISOString();

test('recent times are relative, in both languages', () => {
  assert.equal(whenOf(ago(10_000), NOW, 'en'), 'now');
  assert.equal(whenOf(ago(5 * 60_000), NOW, 'en'), '5 min. ago');
  assert.equal(whenOf(ago(3 * 3_600_000), NOW, 'en'), '3 hr. ago');
  assert.equal(whenOf(ago(26 * 3_600_000), NOW, 'en'), 'yesterday');
  assert.equal(whenOf(ago(10_000), NOW, 'ko'), '지금');
  assert.equal(whenOf(ago(5 * 60_000), NOW, 'ko'), '5분 전');
  assert.equal(whenOf(ago(26 * 3_600_000), NOW, 'ko'), '어제');
});

test('from a week on it is a date, with the year where it is another', () => {
  assert.equal(whenOf('2025-11-02T12:00:00.000Z', NOW, 'en', 'UTC'), 'Nov 2');
  assert.equal(whenOf('2024-11-02T12:00:00.000Z', NOW, 'en', 'UTC'), 'Nov 2, 2024');
  assert.equal(whenOf('2025-11-02T12:00:00.000Z', NOW, 'ko', 'UTC'), '11월 2일');
});

test('a clock that runs ahead of ours does not show the future', () => {
  assert.equal(whenOf(ago(-90_000), NOW, 'en'), 'now');
});

test('what is no time is shown as nothing', () => {
  assert.equal(whenOf('soon', NOW, 'en'), '');
  assert.equal(exactly('soon', 'en'), '');
  assert.equal(monthOf('soon', 'en'), '');
});

test('the exact time names the date in full', () => {
  assert.match(exactly('2025-11-02T12:30:00.000Z', 'en', 'UTC'), /November 2, 2025.*12:30/);
  assert.match(exactly('2025-11-02T12:30:00.000Z', 'ko', 'UTC'), /2025년 11월 2일.*12:30/);
  assert.equal(monthOf('2025-11-02T12:30:00.000Z', 'ko', 'UTC'), '2025년 11월');
});
