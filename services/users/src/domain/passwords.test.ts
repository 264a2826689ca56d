/** Hashing and checking passwords. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRefusal } from '@switchyard/kit/errors';
import { Passwords } from './passwords.ts';

const cheap = { memoryKib: 8, passes: 1, lanes: 1 };
const madeBy = async (passwords: Passwords, password: string): Promise<string> => {
  const hash = await passwords.hash(password);
  assert.ok(!isRefusal(hash));
  return hash;
};

test('the right password matches and a wrong one does not', async () => {
  const passwords = new Passwords({ parameters: cheap });
  const stored = await madeBy(passwords, 'correct horse battery');
  assert.deepEqual(await passwords.check('correct horse battery', stored), { matches: true, outdated: false });
  assert.deepEqual(await passwords.check('correct horse batterz', stored), { matches: false, outdated: false });
});

test('the same password is stored differently each time', async () => {
  const passwords = new Passwords({ parameters: cheap });
  assert.notEqual(await madeBy(passwords, 'correct horse battery'), await madeBy(passwords, 'correct horse battery'));
});

test('compatibility forms of a character are the same password', async () => {
  const passwords = new Passwords({ parameters: cheap });
  const stored = await madeBy(passwords, 'caf\u00e9 au lait, ﬁne');
  assert.deepEqual(await passwords.check('cafe\u0301 au lait, fine', stored), { matches: true, outdated: false });
});

test('a hash made with weaker parameters still matches, and is told to be outdated', async () => {
  const stored = await madeBy(new Passwords({ parameters: cheap }), 'correct horse battery');
  const today = new Passwords({ parameters: { ...cheap, passes: 2 } });
  assert.deepEqual(await today.check('correct horse battery', stored), { matches: true, outdated: true });
  assert.deepEqual(await today.check('something else here', stored), { matches: false, outdated: false });
});

test('for an unknown login the same work is done, and nothing matches', async () => {
  let salts = 0;
  const passwords = new Passwords({
    parameters: cheap,
    random: (bytes) => {
      salts++;
      return Buffer.alloc(bytes, 7);
    },
  });
  await passwords.prepare();
  const made = salts;
  assert.deepEqual(await passwords.check('whatever it may be', null), { matches: false, outdated: false });
  // the decoy is a hash like any other: its own password, should anybody guess it, opens nothing
  assert.deepEqual(await passwords.check(Buffer.alloc(32, 7).toString('hex'), null), {
    matches: false,
    outdated: false,
  });
  assert.equal(salts, made, 'the decoy is made once');
});

test('beyond what may wait, a check is refused as busy instead of queued', async () => {
  const passwords = new Passwords({ parameters: cheap, waitingMax: 3 });
  const results = await Promise.all(Array.from({ length: 10 }, () => passwords.hash('correct horse battery')));
  const refused = results.filter(isRefusal);
  assert.equal(refused.length, 5, 'two run and three wait');
  assert.deepEqual(
    refused.map((refusal) => [refusal.error.code, refusal.error.retryable]),
    Array.from({ length: 5 }, () => ['USERS_BUSY', true]),
  );
  assert.equal(passwords.load, 0);
  assert.ok(!isRefusal(await passwords.hash('correct horse battery')), 'and then it works again');
});
