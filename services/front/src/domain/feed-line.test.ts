/** Which posts the feed shows, and in which order, whatever arrives when. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lineOf, resynced, waitingCount, withArrived, withMore, without, withWaitingShown } from './feed-line.ts';

const line = lineOf({ ids: ['p9', 'p8', 'p7'], nextCursor: 'c7' });

test('a post that comes twice is there once', () => {
  const once = withArrived(line, 'pa', true);
  assert.deepEqual(once.shown, ['pa', 'p9', 'p8', 'p7']);
  assert.equal(withArrived(once, 'pa', true), once);
  assert.equal(withArrived(once, 'pa', false), once);
});

test('a post that arrives while the reader is further down waits, newest first, until asked for', () => {
  const waiting = withArrived(withArrived(line, 'pa', false), 'pb', false);
  assert.deepEqual(waiting.shown, ['p9', 'p8', 'p7']);
  assert.equal(waitingCount(waiting), 2);
  const shown = withWaitingShown(waiting);
  assert.deepEqual(shown.shown, ['pb', 'pa', 'p9', 'p8', 'p7']);
  assert.equal(waitingCount(shown), 0);
});

test('the next page follows, overlaps included', () => {
  const more = withMore(line, { ids: ['p7', 'p6'], nextCursor: null });
  assert.deepEqual(more.shown, ['p9', 'p8', 'p7', 'p6']);
  assert.equal(more.nextCursor, null);
});

test('a deleted post leaves what is shown and what waits', () => {
  const left = without(withArrived(line, 'pa', false), new Set(['pa', 'p8']));
  assert.deepEqual(left.shown, ['p9', 'p7']);
  assert.deepEqual(left.waiting, []);
  assert.equal(without(line, new Set(['nothing'])), line);
});

test('after a resync new posts wait, vanished ones go, older pages stay', () => {
  const long = withMore(line, { ids: ['p6', 'p5'], nextCursor: 'c5' });
  const synced = resynced(long, { ids: ['pb', 'pa', 'p9', 'p7'], nextCursor: 'c7' }, false);
  assert.deepEqual(synced.shown, ['p9', 'p7', 'p6', 'p5']);
  assert.deepEqual(synced.waiting, ['pb', 'pa']);
  assert.equal(synced.nextCursor, 'c5');
});

test('a resync shows new posts at once to a reader at the top', () => {
  assert.deepEqual(resynced(line, { ids: ['pa', 'p9', 'p8'], nextCursor: 'c8' }, true).shown, ['pa', 'p9', 'p8', 'p7']);
});

test('a post just written here survives a resync that does not know it yet', () => {
  const written = withArrived(line, 'pz', true);
  assert.deepEqual(resynced(written, { ids: ['p9', 'p8', 'p7'], nextCursor: 'c7' }, false).shown, [
    'pz',
    'p9',
    'p8',
    'p7',
  ]);
});

test('a resync that does not reach down to what is shown replaces it, when asked', () => {
  const away = resynced(line, { ids: ['pz', 'py'], nextCursor: 'cy' }, false);
  assert.deepEqual(away.shown, ['p9', 'p8', 'p7']);
  assert.equal(waitingCount(away), 2);
  const shown = withWaitingShown(withArrived(away, 'pzz', false));
  assert.deepEqual(shown.shown, ['pzz', 'pz', 'py']);
  assert.equal(shown.nextCursor, 'cy');
});

test('a resync to an empty feed empties it', () => {
  assert.deepEqual(resynced(line, { ids: [], nextCursor: null }, false).shown, []);
});
