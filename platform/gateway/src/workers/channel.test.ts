/** Notices and questions between two workers, and what becomes of a question that nobody answers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '@switchyard/kit/clock';
import { Channel } from './channel.ts';
import type { ChannelOptions } from './channel.ts';

const rate = { requests: 1, windowMs: 1_000 };

/** Two ends; what one sends, the other takes, as plain data. */
function connected(clock: FakeClock, ofFirst: Partial<ChannelOptions>, ofOther: Partial<ChannelOptions> = {}) {
  const end = (to: () => Channel, more: Partial<ChannelOptions>): Channel =>
    new Channel({
      line: {
        send: (message) => to().take(structuredClone(message)),
        sendWith: () => undefined,
        close: () => undefined,
      },
      after: clock.after,
      onNotice: {},
      onQuestion: {},
      onFault: (error) => assert.fail(String(error)),
      ...more,
    });
  const first: Channel = end(() => other, ofFirst);
  const other: Channel = end(() => first, ofOther);
  return { first, other };
}

test('a question is answered, at once or later', async () => {
  const clock = new FakeClock();
  const { other } = connected(clock, {
    onQuestion: { limit: ({ key }) => key.length, 'sign-in': () => Promise.resolve(7) },
  });
  assert.equal(await other.ask('limit', { key: 'four', rate }, 100), 4);
  assert.equal(await other.ask('sign-in', { login: 'ada', address: '10.0.0.1', isOwner: false }, 100), 7);
});

test('a question without an answer is over after its time', async () => {
  const clock = new FakeClock();
  const { other } = connected(clock, {});
  const asked = other.ask('limit', { key: 'k', rate }, 100);
  await clock.advance(100);
  assert.equal(await asked, null);
});

test('when the other side is gone, what waits is over, and nothing is asked any more', async () => {
  const { other } = connected(new FakeClock(), {});
  const asked = other.ask('limit', { key: 'k', rate }, 100);
  other.close();
  assert.equal(await asked, null);
  assert.equal(await other.ask('limit', { key: 'k', rate }, 100), null);
});

test('notices arrive in their order', () => {
  const heard: string[] = [];
  const { first } = connected(
    new FakeClock(),
    {},
    { onNotice: { 'signed out': ({ sessionIds }) => heard.push(...sessionIds) } },
  );
  first.tell('signed out', { sessionIds: ['a', 'b'], user: null });
  first.tell('signed out', { sessionIds: ['c'], user: null });
  assert.deepEqual(heard, ['a', 'b', 'c']);
});

test('what fails at answering is told where it failed, and not answered', async () => {
  const clock = new FakeClock();
  const faults: unknown[] = [];
  const fault = new Error('no');
  const { other } = connected(clock, {
    onQuestion: { limit: () => Promise.reject(fault) },
    onFault: (error) => faults.push(error),
  });
  const asked = other.ask('limit', { key: 'k', rate }, 100);
  await Promise.resolve();
  await Promise.resolve();
  await clock.advance(100);
  assert.equal(await asked, null);
  assert.deepEqual(faults, [fault]);
});
