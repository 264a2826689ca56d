/** The words that a person is found by: beginnings of words of the handle and of the name, whatever their case and accents. */

/** Words of one person that are kept, and words of one query that are looked for. */
const TERMS_MAX = 60;
const QUERY_WORDS_MAX = 8;
/** Characters of a word that count; folding can make many of one. */
const TERM_MAX = 64;
/** What every term looks like. */
export const TERM = /^[\p{L}\p{N}_]{1,64}$/u;

/** Scripts whose names are written without spaces between their parts: one looks for the given name alone. */
const UNSPACED = /[\p{Script=Hangul}\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u;

/** Lower case, compatibility forms and accents folded: `Ｊosé` is `jose`. Hangul is put together again. */
const folded = (text: string): string =>
  text.normalize('NFKD').replaceAll(/\p{M}/gu, '').normalize('NFC').toLowerCase();

const wordsOf = (text: string): string[] =>
  (folded(text).match(/[\p{L}\p{N}_]+/gu) ?? []).map((word) => Array.from(word).slice(0, TERM_MAX).join(''));

/** The terms to store: the handle, its parts between underscores, each word of the name, and the tails of words in unspaced scripts. */
export function searchTerms(handle: string, name: string): string[] {
  const terms = new Set([handle, ...handle.split('_').filter((part) => part !== '')]);
  for (const word of wordsOf(name)) {
    terms.add(word);
    if (!UNSPACED.test(word)) continue;
    const letters = Array.from(word);
    for (let from = 1; from < letters.length; from++) terms.add(letters.slice(from).join(''));
  }
  return Array.from(terms).slice(0, TERMS_MAX);
}

/** The beginnings that a query asks for, longest (most telling) first; empty when there is no word in it. */
export const queryWords = (query: string): string[] =>
  Array.from(new Set(wordsOf(query)))
    .sort((one, other) => other.length - one.length)
    .slice(0, QUERY_WORDS_MAX);
