/** References in a yard file, filled in or refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fillIn, referencesIn, UnfilledReference } from './interpolation.ts';

const sources = { variables: { PORT: '3010', HOST: '${PORT}' }, environment: { KEY: 's3cret' }, folder: '/nowhere' };

test('variables and the environment are filled in', () => {
  assert.equal(fillIn('--port ${PORT} --key=${env:KEY}', sources), '--port 3010 --key=s3cret');
});

test('what was filled in is not searched again', () => {
  assert.equal(fillIn('${HOST}', sources), '${PORT}');
});

test('$${ is a plain ${ and $NAME is left alone', () => {
  assert.equal(fillIn('$${PORT} $PORT $$ $', sources), '${PORT} $PORT $$ $');
  assert.deepEqual(referencesIn('$${PORT} $PORT $$ $'), []);
});

test('a reference without a value is refused by its name, never by a value', () => {
  for (const text of ['s3cret ${env:NONE}', 's3cret ${file:missing}', 's3cret ${NONE}', 's3cret ${', 's3cret ${a b}']) {
    assert.throws(
      () => fillIn(text, sources),
      (error) => error instanceof UnfilledReference && !error.message.includes('s3cret'),
    );
  }
});

test('a property that every object has is not a variable', () => {
  assert.throws(() => fillIn('${constructor}', sources), UnfilledReference);
});
