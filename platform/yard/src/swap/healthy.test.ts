/** How many good answers make an instance steady; the clock is the test's. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { HealthAnswer } from '../keeping/health-check.ts';
import { untilSteady } from './healthy.ts';

const NEVER = new AbortController().signal;

/** `+` good, `-` bad, `x` a stranger; each answer takes a second, after the last one they go on as it was. */
function play(script: string, deadlineMs: number, signal = NEVER) {
  let nowMs = 0;
  let asked = 0;
  const ask = (): Promise<HealthAnswer> => {
    const mark = script[Math.min(asked, script.length - 1)];
    asked += 1;
    nowMs += 1_000;
    if (mark === '+') return Promise.resolve({ kind: 'well', host: '127.0.0.1', echoes: true });
    if (mark === 'x') return Promise.resolve({ kind: 'stranger', why: 'port 3010 is answered by another instance' });
    return Promise.resolve({ kind: 'unwell', why: `/ready answers ${500 + asked}` });
  };
  const said = untilSteady(ask, { answers: 5, everyMs: 0, deadlineMs, signal, now: () => nowMs });
  return said.then((sentence) => ({ sentence, asked }));
}

it('five good answers in a row are steady', async () => {
  assert.deepEqual(await play('+', 60_000), { sentence: null, asked: 5 });
});

it('a bad answer begins the count anew', async () => {
  assert.deepEqual(await play('++++-+', 60_000), { sentence: null, asked: 10 });
  assert.deepEqual(await play('---+x++-+', 60_000), { sentence: null, asked: 13 });
});

it('what is never well is told by its last answer when the deadline has passed', async () => {
  assert.deepEqual(await play('-', 3_000), { sentence: '/ready answers 503, after waiting 3 s', asked: 3 });
  const stranger = await play('x', 1_000);
  assert.equal(stranger.sentence, 'port 3010 is answered by another instance, after waiting 1 s');
});

it('what is well now and then is not steady', async () => {
  const { sentence } = await play('+++-+++-+++-+++', 12_000);
  assert.equal(sentence, '/ready answers 512, after waiting 12 s');
  assert.equal(
    (await play('+++-+++', 6_000)).sentence,
    'no 5 good answers in a row within 6 s; the last bad one: /ready answers 504',
  );
});

it('answers that come too slowly are no proof either', async () => {
  assert.deepEqual(await play('+', 3_000), { sentence: 'no 5 good answers in a row within 3 s', asked: 3 });
});

it('the last good answer counts also when the deadline has just passed', async () => {
  assert.equal((await play('+', 5_000)).sentence, null);
});

it('whoever gives up is told so at once', async () => {
  await assert.rejects(play('-', 60_000, AbortSignal.abort(new Error('given up'))), /given up/);
});
