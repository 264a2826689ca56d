/** When rounds of background work run. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '@switchyard/kit/clock';
import { createLogger } from '@switchyard/kit/log';
import type { RoundResult } from '../domain/round.ts';
import { BackgroundWork } from './background-work.ts';

const log = createLogger({ service: 'test', level: 'silent' });

function working(results: (RoundResult | Error)[], gatherMs = 0) {
  const clock = new FakeClock();
  const rounds: number[] = [];
  const work = new BackgroundWork({
    name: 'test',
    clock,
    log,
    gatherMs,
    pollMs: 1_000,
    round: async () => {
      rounds.push(clock.nowMs());
      const result = results.shift() ?? 'done';
      if (result instanceof Error) throw result;
      return result;
    },
  });
  work.start();
  return { clock, rounds, work };
}

test('rounds follow each other while there is more, then wait for the poll', async () => {
  const { clock, rounds, work } = working(['more', 'more']);
  await clock.advance(999);
  assert.deepEqual(rounds, [0, 0, 0]);
  await clock.advance(1);
  assert.deepEqual(rounds, [0, 0, 0, 1_000]);
  await work.stop();
});

test('a wake gathers for a moment, and many wakes are one round', async () => {
  const { clock, rounds, work } = working([], 20);
  await clock.advance(100);
  work.wake();
  work.wake();
  await clock.advance(19);
  assert.deepEqual(rounds, [0]);
  await clock.advance(1);
  assert.deepEqual(rounds, [0, 120]);
  await work.stop();
});

test('a wake during a round is not lost', async () => {
  const { clock, rounds, work } = working([]);
  work.wake();
  await clock.advance(1);
  assert.deepEqual(rounds, [0, 0]);
  await work.stop();
});

test('failures are tried again after growing pauses, which a wake does not shorten', async () => {
  const { clock, rounds, work } = working([new Error('away'), new Error('away')]);
  await clock.advance(50);
  work.wake();
  await clock.advance(450);
  assert.deepEqual(rounds, [0, 100, 300]);
  await work.stop();
});

test('stopping ends a pause at once', async () => {
  const { clock, work } = working([]);
  await clock.advance(1);
  await work.stop();
});
