/** Both languages are whole. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CATALOGUE } from './catalogue.ts';
import { LANGUAGES, languageFor } from './language.ts';

/** Every word with its place; functions are called with a sample for each of their parameters. */
function flat(value: unknown, place = ''): [string, string][] {
  if (typeof value === 'string') return [[place, value]];
  if (typeof value === 'function') return [[place, String((value as (...args: unknown[]) => unknown)(3, 3))]];
  return Object.entries(value as object).flatMap(([key, inner]) => flat(inner, `${place}.${key}`));
}

test('each language has the same words, none empty', () => {
  const places = flat(CATALOGUE.en).map(([place]) => place);
  for (const language of LANGUAGES) {
    const words = flat(CATALOGUE[language]);
    assert.deepEqual(words.map(([place]) => place).sort(), places.toSorted(), language);
    for (const [place, word] of words) assert.ok(word.trim().length > 0 && !word.includes('#'), `${language}${place}`);
  }
});

test('Korean is Korean: only names and formats are the same in both languages', () => {
  const english = new Map(flat(CATALOGUE.en));
  const same = flat(CATALOGUE.ko)
    .filter(([place, word]) => english.get(place) === word)
    .map(([place]) => place);
  assert.deepEqual(same, ['.appName', '.titled', '.titledWithNew', '.composer.length']);
});

test('English counts one and many apart', () => {
  assert.equal(CATALOGUE.en.feed.newPosts(1), '1 new post');
  assert.equal(CATALOGUE.en.feed.newPosts(1200), '1,200 new posts');
  assert.equal(CATALOGUE.ko.feed.newPosts(1), '새 글 1개');
  assert.equal(CATALOGUE.en.trouble.tooManyWait(1), 'Too many attempts. Try again in 1 second.');
  assert.equal(CATALOGUE.en.trouble.tooManyWait(300), 'Too many attempts. Try again in 5 minutes.');
});

test('a reader gets the stored language, else the first one of the browser that is spoken here, else English', () => {
  assert.equal(languageFor('ko', ['en-GB']), 'ko');
  assert.equal(languageFor(null, ['fr-FR', 'ko-KR', 'en']), 'ko');
  assert.equal(languageFor('tlh', ['de']), 'en');
  assert.equal(languageFor(null, []), 'en');
});
