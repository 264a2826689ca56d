/** What is counted of a deployment, and who is told when. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_SETTINGS } from '@switchyard/contracts/gateway-settings';
import type { Table } from '@switchyard/contracts/registry';
import { route } from '@switchyard/contracts/route';
import { OpenStreams } from '../upstream/open-streams.ts';
import { Claim, claimInstance } from './claim.ts';
import { RoutingTable } from './routing-table.ts';
import { LIVE_BUCKET } from './split.ts';

const CHANGED = new Set(['x']);

function started() {
  let drained = 0;
  let epoch = 0;
  const routing = new RoutingTable([], {
    streams: new OpenStreams(
      () => () => {},
      () => false,
    ),
    own: [],
    nowMs: () => 0,
    random: () => 0,
    settings: DEFAULT_SETTINGS,
    warn: () => {},
    drained: () => (drained += 1),
  });
  const tell = (told: Partial<Table['services'][string]>, ids: readonly string[] = ['x-1', 'x-2']): void => {
    epoch += 1;
    const deployments = Object.fromEntries(
      ids.map((id, nth) => [
        id,
        {
          version: '',
          side: null,
          routes: [route.parse('/x')],
          instances: [
            {
              id: `${id}-a`,
              host: '127.0.0.1',
              port: nth + 1,
              endpoints: {},
              status: 'UP' as const,
              weight: 1,
              zone: '',
              metadata: {},
            },
          ],
        },
      ]),
    );
    const entry = { declared: true, live: 'x-1', standby: null, split: null, deployments, ...told };
    routing.take({ epoch, revision: epoch, services: { x: entry } }, CHANGED);
  };
  const claim = (bucket = LIVE_BUCKET): Claim => {
    const claimed = claimInstance(routing.service('x')!, bucket, null, 0);
    assert.ok(claimed instanceof Claim);
    return claimed;
  };
  return { routing, tell, claim, drainedTimes: () => drained };
}

test('a request counts when it ends, with the time to the head of its answer, and once', () => {
  const { routing, tell, claim } = started();
  tell({});
  const good = claim();
  good.answered(404, 10);
  assert.deepEqual(routing.traffic()['x-1'], { requests: 0, failed: 0, latencyMs: 0 });
  good.release();
  good.release();
  const bad = claim();
  bad.answered(500, 20);
  bad.release();
  assert.deepEqual(routing.traffic(), {
    'x-1': { requests: 2, failed: 1, latencyMs: 30 },
    'x-2': { requests: 0, failed: 0, latencyMs: 0 },
  });
});

test('no answer is a failure, and so is one that breaks off', () => {
  const { routing, tell, claim } = started();
  tell({});
  const refused = claim();
  refused.failed(3);
  refused.release();
  const broken = claim();
  broken.answered(200, 10);
  broken.failed(1_000);
  broken.release();
  assert.deepEqual(routing.traffic()['x-1'], { requests: 2, failed: 2, latencyMs: 13 });
});

test('a request whose client went away, or that the gateway gave up, says nothing of the deployment', () => {
  const { routing, tell, claim } = started();
  tell({});
  claim().release();
  assert.deepEqual(routing.traffic()['x-1'], { requests: 0, failed: 0, latencyMs: 0 });
});

test('a deployment that left is forgotten', () => {
  const { routing, tell, claim } = started();
  tell({});
  const last = claim();
  tell({ live: 'x-2' }, ['x-2']);
  last.answered(200, 1);
  last.release();
  assert.deepEqual(Object.keys(routing.traffic()), ['x-2']);
  assert.deepEqual(Object.keys(routing.inFlight()), ['x-2']);
});

test('when the last request on what serves no more has ended, it is told once, and never before', () => {
  const { tell, claim, drainedTimes } = started();
  tell({});
  claim().release();
  const [first, second] = [claim(), claim()];
  tell({ live: 'x-2', standby: 'x-1' });
  claim().release();
  assert.equal(drainedTimes(), 0);
  first.release();
  assert.equal(drainedTimes(), 0);
  second.release();
  second.release();
  assert.equal(drainedTimes(), 1);
});

test('figures are fresh while somebody waits for them or judges by them', () => {
  const { routing, tell, claim } = started();
  tell({});
  assert.equal(routing.figuresEveryMs, 3_000);
  const held = claim();
  assert.equal(routing.figuresEveryMs, 3_000, 'in flight on what is live is nothing to wait for');
  tell({ live: 'x-2', standby: 'x-1' });
  assert.equal(routing.figuresEveryMs, 50);
  held.release();
  assert.equal(routing.figuresEveryMs, 200);
  tell({ live: 'x-2' });
  assert.equal(routing.figuresEveryMs, 3_000);
  tell({ live: 'x-2', split: { 'x-1': 10, 'x-2': 90 } });
  assert.equal(routing.figuresEveryMs, 200);
  claim(0).release();
  assert.equal(routing.figuresEveryMs, 200);
});

test('a claim made before a table is taken counts where it was made, and none is made there afterwards', () => {
  const { routing, tell, claim } = started();
  tell({});
  const before = claim();
  tell({ live: 'x-2', standby: 'x-1' });
  for (let bucket = LIVE_BUCKET; bucket < 100; bucket += 1) assert.equal(claim(bucket).deployment.id, 'x-2');
  assert.equal(before.deployment.id, 'x-1');
  assert.equal(routing.inFlight()['x-1'], 1);
});

test('each deployment has its own breaker: a bad one does not close the door to the one it is reverted to', () => {
  const { routing, tell } = started();
  tell({});
  tell({ live: 'x-2', standby: 'x-1' });
  const { live } = routing.service('x')!;
  for (let nth = 0; nth < 20; nth += 1) live!.breaker.settle(true, 0);
  assert.ok(live!.breaker.admit(0) > 0);
  tell({ live: 'x-1', standby: 'x-2' });
  assert.equal(routing.service('x')!.live!.breaker.admit(0), 0);
  tell({ live: 'x-2', standby: 'x-1' });
  assert.equal(live!.breaker.admit(0), 0, 'who serves again is tried at once');
});
