/** What demo files mean, and what is refused in them. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { createUser } from '@switchyard/contracts/users';
import { personNumbered } from './cast.ts';
import { readGraph, readPosts, ScriptError, smallScript } from './script.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'demo-'));
after(() => rmSync(folder, { recursive: true }));
const file = (content: string): string => {
  const name = path.join(folder, `${Math.random()}.txt`);
  writeFileSync(name, content);
  return name;
};

test('a graph holds each pair once, whichever way round it is written, and drops pairs with oneself', () => {
  assert.deepEqual(readGraph(file('# a comment\n3 1\n1,3\n2 2\n1 2 0.5\n')), {
    people: [1, 2, 3],
    friendships: [
      [1, 3],
      [1, 2],
    ],
  });
});

test('a graph with a broken line is refused, naming the line', () => {
  assert.throws(
    () => readGraph(file('1 2\nx y\n')),
    (error: Error) => error instanceof ScriptError && error.message.includes(':2: expected two whole numbers'),
  );
});

test('a file that is not there is refused, naming it', () => {
  assert.throws(() => readPosts('/nowhere/at-all.txt', [1], 5), /cannot read \/nowhere\/at-all\.txt/);
});

test('posts are lines of 20 to 500 characters, each once, at most as many as asked for', () => {
  const line = 'a line that is long enough';
  assert.deepEqual(
    readPosts(file(`${line}\nshort\n${line}\n${'x'.repeat(501)}\nanother line, long enough\n`), [7], 1),
    [{ author: 7, text: line }],
  );
});

test('every person of the cast can sign up, and no two share a handle or an email', () => {
  const people = Array.from({ length: 2_000 }, (_, index) => personNumbered(index + 1));
  for (const person of people) assert.equal(createUser.safeParse(person).success, true, person.handle);
  assert.equal(new Set(people.map((person) => person.handle)).size, people.length);
  assert.equal(new Set(people.map((person) => person.email)).size, people.length);
});

test('the small yard has each friendship once and no author writes a text twice', () => {
  const script = smallScript();
  assert.equal(new Set(script.friendships.map(String)).size, script.friendships.length);
  assert.equal(new Set(script.posts.map((post) => `${post.author}:${post.text}`)).size, script.posts.length);
});
