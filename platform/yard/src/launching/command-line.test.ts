/** How the `run` of a service becomes an argument list. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { argvOf } from './command-line.ts';

const variables = { PORT: '3010', NAME: 'a b' };
const argv = (run: string) => argvOf(run, variables);
const shell = (line: string) => ['/bin/sh', '-c', line];

it('words and quotes are read as a shell reads them', () => {
  assert.deepEqual(argv('node dist/main.js'), ['node', 'dist/main.js']);
  assert.deepEqual(argv(`  python3 -c 'print("a; b")'  "two words" a\\ b ''`), [
    'python3',
    '-c',
    'print("a; b")',
    'two words',
    'a b',
    '',
  ]);
  assert.deepEqual(argv(`x "say \\"hi\\"" 'it''s' a"b"c`), ['x', 'say "hi"', 'its', 'abc']);
});

it('variables are filled in, as one word whatever they hold', () => {
  assert.deepEqual(argv('python3 -m http.server ${PORT} --name=${NAME}'), [
    'python3',
    '-m',
    'http.server',
    '3010',
    '--name=a b',
  ]);
});

it('a variable that does not exist is a fault that names it and those that do', () => {
  assert.throws(() => argv('x ${PROT}'), /no variable PROT; known are NAME, PORT/);
});

it('a line with more of a shell in it is left to a shell, which the program replaces where it can', () => {
  assert.deepEqual(argv('serve *.txt --port $PORT'), shell('exec serve *.txt --port $PORT'));
  assert.deepEqual(argv('cd app && ./run'), shell('cd app && ./run'));
  assert.deepEqual(argv('a | b'), shell('a | b'));
  assert.deepEqual(argv('MODE=fast node x.js'), shell('MODE=fast node x.js'));
  assert.deepEqual(argv('serve > out.txt'), shell('exec serve > out.txt'));
});

it('quoted shell characters are no reason for a shell', () => {
  assert.deepEqual(argv(`node -e 'a && b | c'`), ['node', '-e', 'a && b | c']);
  assert.deepEqual(argv(`node -e "a && b"`), ['node', '-e', 'a && b']);
  assert.deepEqual(argv(`node a\\*b`), ['node', 'a*b']);
});

it('an open quote, an empty line and a secret in a shell line are faults', () => {
  assert.throws(() => argv(`node 'x`), /not closed/);
  assert.throws(() => argv('   '), /empty/);
  assert.throws(() => argv('a --token ${env:TOKEN} | b'), /give it a name in env/);
});
