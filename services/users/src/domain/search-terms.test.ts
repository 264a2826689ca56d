/** The words that people are found by. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { queryWords, searchTerms, TERM } from './search-terms.ts';

test('a person is found by handle, its parts, and each word of the name', () => {
  assert.deepEqual(searchTerms('ann_lee', 'Ann Marie Lee'), ['ann_lee', 'ann', 'lee', 'marie']);
});

test('case, accents and compatibility forms do not matter', () => {
  assert.deepEqual(searchTerms('zoe', 'ZOË Müller ｆｕｌｌ'), ['zoe', 'muller', 'full']);
  assert.deepEqual(queryWords('  MÜLLER '), ['muller']);
});

test('a Korean name is found by the given name alone', () => {
  assert.deepEqual(searchTerms('kim', '김철수'), ['kim', '김철수', '철수', '수']);
  assert.deepEqual(queryWords('철수'), ['철수']);
});

test('what is typed apart from letters and digits separates words', () => {
  assert.deepEqual(queryWords('@ann, (lee)%'), ['ann', 'lee']);
  assert.deepEqual(queryWords('!!! %'), []);
});

test('the longest word of a query comes first, and there are at most eight', () => {
  assert.deepEqual(queryWords('a bcd ef'), ['bcd', 'ef', 'a']);
  assert.equal(queryWords('a b c d e f g h i j').length, 8);
});

test('every term fits its index, however long the name folds out', () => {
  for (const term of [...searchTerms('abc', '\ufdfa'.repeat(60)), ...searchTerms('abc', '김'.repeat(60))])
    assert.match(term, TERM);
  assert.ok(searchTerms('abc', '김'.repeat(60)).length <= 60);
});
