/** Who gets the successor of a refresh token when its tabs come and go. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { isRefusal } from '@switchyard/kit/errors';
import { uuidv7 } from '@switchyard/kit/ids';
import { createLogger } from '@switchyard/kit/log';
import { AccessTokens } from './access-tokens.ts';
import { EndedSessions } from './ended-sessions.ts';
import { KeyRing } from './key-ring.ts';
import { Refresher } from './refresher.ts';

async function start(t: TestContext) {
  const directory = await mkdtemp(join(tmpdir(), 'switchyard-refresher-'));
  t.after(() => rm(directory, { recursive: true }));
  const keys = await KeyRing.open(directory, createLogger({ service: 'gateway', level: 'silent' }));
  const ended = new EndedSessions(() => {});
  const user = { id: uuidv7(), handle: 'ada', name: 'Ada' };
  let asked = 0;
  let nowMs = 0;
  const store = {
    refresh: () => {
      asked += 1;
      return Promise.resolve({ sessionId: uuidv7(), user, refreshToken: `next-${asked}`, refreshExpiresInSeconds: 60 });
    },
  };
  const refresher = new Refresher(store, new AccessTokens(keys, ended), ended, () => nowMs);
  /** The successor that a tab gets, and whether it stays for it. */
  const tab = async (stays = true): Promise<string> => {
    let looks = 0;
    const opened = await refresher.refresh('first', () => stays || (looks += 1) === 1);
    return isRefusal(opened) ? 'refused' : /next-[0-9]+/.exec(opened.cookies[1]!)![0];
  };
  return { tab, asked: () => asked, pass: (seconds: number) => (nowMs += seconds * 1_000) };
}

test('who stays is given the successor, and whoever comes within the grace; then the store is asked', async (t) => {
  const { tab, asked, pass } = await start(t);
  assert.equal(await tab(), 'next-1');
  pass(9.9);
  assert.equal(await tab(), 'next-1');
  assert.equal(asked(), 1);
  pass(0.1);
  assert.equal(await tab(), 'next-2', 'the store tells a replay from the rest');
});

test('a successor that nobody got is kept for who comes next, and his grace begins then', async (t) => {
  const { tab, asked, pass } = await start(t);
  await tab(false);
  pass(200);
  assert.equal(await tab(), 'next-1');
  pass(9.9);
  assert.equal(await tab(), 'next-1');
  pass(0.1);
  assert.equal(asked(), 1);
  await tab();
  assert.equal(asked(), 2, 'once it was given, a late one is asked of the store as ever');
});

test('it is not kept for ever', async (t) => {
  const { tab, asked, pass } = await start(t);
  await tab(false);
  pass(300);
  await tab();
  assert.equal(asked(), 2);
});
