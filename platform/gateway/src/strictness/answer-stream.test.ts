/** A reader that is meant to notice what a gateway must not send has to notice it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readAnswers, valuesOf } from './answer-stream.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

test('answers follow one another, whatever frames them', () => {
  const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n';
  const read = readAnswers(`HTTP/1.1 100 Continue\r\n\r\n${OK}${chunked}HTTP/1.1 204 No Content\r\n\r\n${OK}`, []);
  assert.deepEqual(
    read.answers.map(({ status, body }) => `${status} ${body}`),
    ['200 ok', '200 abc', '204 ', '200 ok'],
  );
  assert.equal(read.interim, 1);
  assert.equal(read.rest, '');
  assert.equal(read.fault, null);
  assert.deepEqual(valuesOf(read.answers[1]!, 'transfer-encoding'), ['chunked']);
});

test('an answer to HEAD ends with its head', () => {
  const read = readAnswers(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n${OK}`, ['HEAD', 'GET']);
  assert.deepEqual(
    read.answers.map(({ body }) => body),
    ['', 'ok'],
  );
});

test('what is not whole is the rest, and without a length the end of the connection is the end', () => {
  assert.equal(readAnswers(OK.slice(0, -1), []).answers.length, 0);
  assert.equal(readAnswers(OK.slice(0, 20), []).rest.length, 20);
  const open = 'HTTP/1.1 200 OK\r\n\r\nto the end';
  assert.equal(readAnswers(open, []).answers.length, 0);
  assert.equal(readAnswers(open, [], true).answers[0]!.body, 'to the end');
});

test('what a server must not send is a fault', () => {
  for (const [what, bytes] of Object.entries({
    'two framings': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n',
    'two lengths': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok',
    'a length that is none': 'HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\nok',
    'a bare line feed': 'HTTP/1.1 200 OK\r\nX: a\nY: b\r\nContent-Length: 0\r\n\r\n',
    'a NUL': 'HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n',
    'a folded line': 'HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n',
    'a chunk size that is none': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n',
    'a chunk that is longer than it says':
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabcd\r\n0\r\n\r\n',
    'no HTTP': 'okay\r\n\r\n',
    'more after an answer': `${OK}ok\r\n\r\n`,
  }))
    assert.notEqual(readAnswers(bytes, []).fault, null, what);
});
