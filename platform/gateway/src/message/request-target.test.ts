/** Normalising is idempotent, and nothing that it lets through can climb. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readTarget } from './request-target.ts';

const PARTS = [
  '/',
  '//',
  '.',
  '..',
  '%2e',
  '%2E',
  '%2f',
  '%5C',
  '%25',
  ';',
  '%3b',
  'a',
  'B~',
  '%61',
  '%c3%a9',
  '|',
  '^',
  '%00',
  '\\',
];

/** Deterministic, so that a failure can be repeated. */
function* pathsOf(seed: number, count: number): Generator<string> {
  let state = seed;
  for (let nth = 0; nth < count; nth += 1) {
    let path = '/';
    for (let part = 0; part < 8; part += 1) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      path += PARTS[(state >>> 8) % PARTS.length];
    }
    yield path;
  }
}

test('the normal form of a normal form is itself', () => {
  let accepted = 0;
  for (const path of pathsOf(1, 20_000)) {
    const once = readTarget(path);
    if (typeof once === 'string') continue;
    accepted += 1;
    const twice = readTarget(once.path);
    assert.ok(typeof twice !== 'string', `${path} -> ${once.path}`);
    assert.equal(twice.path, once.path, path);
  }
  assert.ok(accepted > 1_000);
});

test('no accepted path has dot segments, empty segments or raw oddities in any reading', () => {
  for (const path of pathsOf(2, 20_000)) {
    const target = readTarget(path);
    if (typeof target === 'string') continue;
    for (const reading of [target.path, target.otherReading ?? '/']) {
      assert.ok(!/\/\/|\/\.{1,2}(?:\/|;|$)|[\\#?"<>^`{|}]|%(?:2e|61|00)/i.test(reading), `${path} -> ${reading}`);
      assert.ok(reading.startsWith('/'));
    }
  }
});

test('the query is kept as it was', () => {
  assert.deepEqual(readTarget('/a?b=%2e%2e&c=//|{}'), { path: '/a', query: '?b=%2e%2e&c=//|{}', otherReading: null });
  assert.deepEqual(readTarget('/a?'), { path: '/a', query: '?', otherReading: null });
});

test('another reading of encoded slashes is told', () => {
  assert.deepEqual(readTarget('/a%2fb'), { path: '/a%2Fb', query: '', otherReading: '/a/b' });
});

test('another reading of parameters of segments is told, and none beside encoded slashes', () => {
  assert.equal((readTarget('/a;v=1/b;w') as { otherReading: string }).otherReading, '/a/b');
  assert.equal((readTarget('/a%3bv=1/b') as { otherReading: string }).otherReading, '/a/b');
  assert.equal((readTarget('/;/a;') as { otherReading: string }).otherReading, '/a');
  for (const path of ['/a;v=1%2fb', '/a%2fb;v=1', '/a/..%3b/b', '/a/.;/b'])
    assert.equal(typeof readTarget(path), 'string', path);
});
