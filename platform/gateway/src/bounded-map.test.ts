/** A bounded map keeps what is in use and forgets the rest. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BoundedMap } from './bounded-map.ts';

test('it never grows beyond its bound, and keeps what was used last', () => {
  const map = new BoundedMap<number>(10);
  map.set('in use', -1);
  for (let nth = 0; nth < 1_000; nth += 1) {
    map.set(`key ${nth}`, nth);
    assert.equal(map.get('in use'), -1);
    assert.ok(map.size <= 10);
  }
  for (let nth = 996; nth < 1_000; nth += 1) assert.equal(map.get(`key ${nth}`), nth);
  assert.equal(map.get('key 0'), undefined);
});

test('an entry is there once, however often it is set', () => {
  const map = new BoundedMap<number>(4);
  for (const key of ['a', 'b', 'a', 'c', 'a', 'b']) map.set(key, key.charCodeAt(0));
  assert.deepEqual(new Set(map.values()), new Set([97, 98, 99]));
  assert.equal(map.size, 3);
  map.delete('a');
  assert.equal(map.get('a'), undefined);
});
