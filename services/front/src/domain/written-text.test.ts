/** Lengths, mentions and links; that the composer and the service agree. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TEXT_MAX as CONTRACT_TEXT_MAX, writeText } from '@switchyard/contracts/feeds';
import {
  codePoints,
  initialOf,
  mayBeSent,
  partsOf,
  scriptOf,
  sendable,
  TEXT_MAX,
  toneOf,
  TONES,
} from './written-text.ts';

test('the limit is the one of the contract', () => {
  assert.equal(TEXT_MAX, CONTRACT_TEXT_MAX);
});

test('length is counted in code points after NFC, as the service counts', () => {
  assert.equal(codePoints('abc'), 3);
  assert.equal(codePoints('🚂🚃'), 2);
  assert.equal(codePoints('e\u0301'), 1);
  assert.equal(codePoints('한글'.normalize('NFD')), 2);
  assert.equal(codePoints('\ud83d'), 1);
});

test('what the composer lets through, the service accepts, and the reverse', () => {
  for (const text of [
    'hello',
    '🚂'.repeat(500),
    '🚂'.repeat(501),
    'a'.repeat(501),
    ' \n ',
    '',
    'two\r\nlines',
    'bell\u0007 and all',
    'tab\tand\nbreak',
    'half \ud83d',
    'e\u0301'.repeat(500),
  ]) {
    assert.equal(
      mayBeSent(text),
      writeText.safeParse({ text: sendable(text) }).success,
      JSON.stringify(text.slice(0, 20)),
    );
  }
});

test('only people whom the service resolved become mentions', () => {
  assert.deepEqual(partsOf('hi @mina and @nobody_here.', new Set(['mina'])), [
    { kind: 'plain', text: 'hi ' },
    { kind: 'mention', text: '@mina', handle: 'mina' },
    { kind: 'plain', text: ' and @nobody_here.' },
  ]);
});

test('a mention may stand before Korean particles and after punctuation, not inside an address', () => {
  assert.deepEqual(
    partsOf('(@mina)님께, @mina가 a@mina.example', new Set(['mina'])).filter((part) => part.kind === 'mention').length,
    2,
  );
  assert.deepEqual(partsOf('@minakim', new Set(['mina'])), [{ kind: 'plain', text: '@minakim' }]);
});

test('http and https become links without the full stop that ends the sentence; other schemes stay text', () => {
  assert.deepEqual(partsOf('see https://example.org/a?b=1. javascript:alert(1)', new Set()), [
    { kind: 'plain', text: 'see ' },
    { kind: 'link', text: 'https://example.org/a?b=1', url: 'https://example.org/a?b=1' },
    { kind: 'plain', text: '. javascript:alert(1)' },
  ]);
});

test('no character of a text is lost', () => {
  const text = '<b>@mina</b> https://x.example/@mina, @mina\n@mina@mina مرحبا 🚂';
  assert.equal(
    partsOf(text, new Set(['mina']))
      .map((part) => part.text)
      .join(''),
    text,
  );
});

test('an initial is a whole grapheme', () => {
  assert.equal(initialOf('mina'), 'M');
  assert.equal(initialOf(' 김하나'), '김');
  assert.equal(initialOf('👩‍👩‍👧 family'), '👩‍👩‍👧');
  assert.equal(initialOf(''), '?');
});

test('Hangul is read as Korean, kana as Japanese, and nothing is guessed from other scripts', () => {
  assert.equal(scriptOf('see you 내일'), 'ko');
  assert.equal(scriptOf('またね'), 'ja');
  assert.equal(scriptOf('hello 漢字'), undefined);
});

test('a tone is stable and in range', () => {
  for (const id of ['', 'a', '0198c2a4-7b1e-7c3d-8f00-0123456789ab']) {
    assert.equal(toneOf(id), toneOf(id));
    assert.ok(toneOf(id) >= 0 && toneOf(id) < TONES);
  }
});
