/** How fast streams are sent away, and which. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '@switchyard/kit/clock';
import { Claim } from '../routing/claim.ts';
import { Deployment } from '../routing/deployment.ts';
import { Instance } from '../routing/instance.ts';
import type { Service } from '../routing/service.ts';
import { OpenStreams } from './open-streams.ts';
import type { OpenStream, StreamEnd } from './open-streams.ts';

function started() {
  const clock = new FakeClock();
  const streams = new OpenStreams(clock.after, () => false);
  const deployment = new Deployment('x-1', 'x', () => {});
  deployment.isServing = true;
  const instance = new Instance({ id: 'a', host: '127.0.0.1', port: 1 });
  const ends: { atMs: number; why: StreamEnd }[] = [];
  const open = (on = instance): OpenStream => {
    const stream: OpenStream = {
      sessionId: null,
      claim: new Claim({} as Service, deployment, on),
      end: (why) => {
        ends.push({ atMs: clock.nowMs(), why });
        streams.remove(stream);
        stream.claim.release();
      },
    };
    streams.add(stream);
    return stream;
  };
  const openMany = (count: number): void => {
    for (let nth = 0; nth < count; nth += 1) open();
  };
  const retire = (): void => {
    deployment.isServing = false;
    streams.endOfDeployment(deployment);
  };
  return { clock, streams, deployment, instance, ends, open, openMany, retire };
}

test('a handful is sent away within a quarter of a second, and not all at once', async () => {
  for (const count of [1, 5, 200]) {
    const { clock, ends, deployment, openMany, retire } = started();
    openMany(count);
    retire();
    assert.equal(ends.length, 0);
    await clock.advance(250);
    assert.equal(ends.length, count);
    assert.ok(count < 3 || new Set(ends.map(({ atMs }) => atMs)).size > 2);
    assert.equal(deployment.inFlight, 0);
  }
});

test('of ten thousand at most a thousand a second are, and of more than that none after ten seconds', async () => {
  for (const [count, perSecondMax] of [
    [10_000, 1_000],
    [20_000, 2_000],
  ] as const) {
    const { clock, ends, openMany, retire } = started();
    openMany(count);
    retire();
    await clock.advance(10_000);
    assert.equal(ends.length, count);
    for (let second = 0; second < 10; second += 1) {
      const within = ends.filter(({ atMs }) => atMs > second * 1_000 && atMs <= (second + 1) * 1_000);
      assert.ok(within.length <= perSecondMax, `${within.length} in second ${second}`);
    }
  }
});

test('each is ended once and one timer runs, however often the table changes meanwhile', async () => {
  const { clock, ends, openMany, retire } = started();
  openMany(100);
  for (let nth = 0; nth < 10; nth += 1) {
    retire();
    assert.equal(clock.pending, 1);
  }
  await clock.advance(100);
  retire();
  await clock.advance(10_000);
  assert.equal(ends.length, 100);
  assert.equal(clock.pending, 0);
});

test('those of a deployment that serves again stay, those of an instance that left do not', async () => {
  const { clock, streams, deployment, ends, open, openMany, retire } = started();
  const left = new Instance({ id: 'b', host: '127.0.0.1', port: 2 });
  openMany(10);
  open(left);
  retire();
  left.leave(streams);
  deployment.isServing = true;
  await clock.advance(10_000);
  assert.deepEqual(
    ends.map(({ why }) => why),
    ['instance-left'],
  );
  assert.equal(streams.size, 10);
  retire();
  await clock.advance(10_000);
  assert.equal(ends.length, 11);
});

test('what opens on a deployment that serves no more is sent away too', async () => {
  const { clock, ends, open, retire } = started();
  retire();
  open();
  await clock.advance(250);
  assert.deepEqual(
    ends.map(({ why }) => why),
    ['instance-left'],
  );
});
