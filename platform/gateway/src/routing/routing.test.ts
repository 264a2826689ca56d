/** Routes, instances and claims follow the table without I/O. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_SETTINGS } from '@switchyard/contracts/gateway-settings';
import type { Table } from '@switchyard/contracts/registry';
import { route } from '@switchyard/contracts/route';
import { OpenStreams } from '../upstream/open-streams.ts';
import { Claim, claimInstance } from './claim.ts';
import { Instance } from './instance.ts';
import { FAILURE_COUNTS_AS_MS, Latency } from './latency.ts';
import { RouteFinder } from './route-finder.ts';
import { RoutingTable } from './routing-table.ts';
import { LIVE_BUCKET } from './split.ts';
import { isAllowedAddress, refusedAddress } from './upstream-address.ts';

const at = (path: string) => ({ policy: route.parse(path), service: null });
const found = (index: RouteFinder, path: string): string | undefined => index.find(path)?.policy.path;

test('the longest prefix wins, on segment borders only', () => {
  const index = new RouteFinder([at('/'), at('/api'), at('/api/users'), at('/api/users/me/photos')]);
  for (const [path, expected] of [
    ['/', '/'],
    ['/x', '/'],
    ['/api', '/api'],
    ['/api/', '/api'],
    ['/apix', '/'],
    ['/api/users', '/api/users'],
    ['/api/users/', '/api/users'],
    ['/api/usersx', '/api'],
    ['/api/users/me', '/api/users'],
    ['/api/users/me/photos/1/2/3', '/api/users/me/photos'],
    ['/api/users/me/photosx', '/api/users'],
  ] as const)
    assert.equal(found(index, path), expected, path);
  assert.equal(found(new RouteFinder([at('/a')]), '/b'), undefined);
});

const surroundings = (own: { host: string; port: number }[] = []) => {
  const warnings: unknown[] = [];
  return {
    around: {
      streams: new OpenStreams(
        () => () => {},
        () => false,
      ),
      own,
      nowMs: () => 0,
      random: () => 0,
      settings: DEFAULT_SETTINGS,
      warn: (facts: unknown) => void warnings.push(facts),
      drained: () => {},
    },
    warnings,
  };
};

type Told = Readonly<Record<string, readonly (readonly [id: string, port: number, status?: 'UP' | 'DOWN'])[]>>;

function tableOf(epoch: number, deployments: Told, live: string | null, more: object = {}): Table {
  const told = Object.entries(deployments).map(([id, instances]) => [
    id,
    {
      version: '',
      side: null,
      routes: [route.parse('/x')],
      instances: instances.map(([instance, port, status = 'UP']) => ({
        id: instance,
        host: '127.0.0.1',
        port,
        endpoints: {},
        status,
        weight: 1,
        zone: '',
        metadata: {},
      })),
    },
  ]);
  const entry = { declared: true, live, standby: null, split: null, deployments: Object.fromEntries(told), ...more };
  return { epoch, revision: epoch, services: { x: entry } };
}
const CHANGED = new Set(['x']);

test('a claim counts on deployment and instance until it is released, once', () => {
  const routing = new RoutingTable([], surroundings().around);
  routing.take(tableOf(1, { 'x-1': [['a', 1]] }, 'x-1'), CHANGED);
  const claim = claimInstance(routing.service('x')!, LIVE_BUCKET, null, 0);
  assert.ok(claim instanceof Claim);
  assert.deepEqual(routing.inFlight(), { 'x-1': 1 });
  claim.release();
  claim.release();
  assert.deepEqual(routing.inFlight(), { 'x-1': 0 });
});

test('from the moment a table is taken, every claim is on its live deployment', () => {
  const routing = new RoutingTable([], surroundings().around);
  const both: Told = { 'x-1': [['a', 1]], 'x-2': [['b', 2]] };
  routing.take(tableOf(1, both, 'x-1'), CHANGED);
  const before = claimInstance(routing.service('x')!, LIVE_BUCKET, null, 0) as Claim;
  routing.take(tableOf(2, both, 'x-2'), CHANGED);
  const after = claimInstance(routing.service('x')!, LIVE_BUCKET, null, 0) as Claim;
  assert.equal(before.deployment.id, 'x-1');
  assert.equal(after.deployment.id, 'x-2');
  assert.deepEqual(routing.inFlight(), { 'x-1': 1, 'x-2': 1 });
  assert.equal(routing.epoch, 2);
});

test('routes of a declared service stay while nothing of it is live', () => {
  const routing = new RoutingTable([], surroundings().around);
  routing.take(tableOf(1, {}, null, { routes: [route.parse('/x')] }), CHANGED);
  assert.equal(routing.find('/x/y')?.service?.name, 'x');
  assert.equal(claimInstance(routing.service('x')!, LIVE_BUCKET, null, 0), 'no-instance');
});

test('ready means that every declared service has had a live instance, once', () => {
  const routing = new RoutingTable([], surroundings().around);
  assert.equal(routing.isReady, false);
  routing.take({ epoch: 0, revision: 0, services: {} }, new Set());
  assert.equal(routing.isReady, false, 'nothing is declared yet');
  routing.take(tableOf(1, { 'x-1': [] }, 'x-1'), CHANGED);
  assert.equal(routing.isReady, false);
  routing.take(tableOf(2, { 'x-1': [['a', 1]] }, 'x-1'), CHANGED);
  assert.equal(routing.isReady, true);
  routing.take(tableOf(3, { 'x-1': [] }, 'x-1'), CHANGED);
  assert.equal(routing.isReady, true);
});

test('only instances that are UP are chosen, and the one to be avoided never', () => {
  const routing = new RoutingTable([], surroundings().around);
  routing.take(
    tableOf(
      1,
      {
        'x-1': [
          ['a', 1],
          ['b', 2],
          ['c', 3, 'DOWN'],
        ],
      },
      'x-1',
    ),
    CHANGED,
  );
  const service = routing.service('x')!;
  const [a] = service.live!.up;
  for (let nth = 0; nth < 50; nth += 1) {
    const claim = claimInstance(service, LIVE_BUCKET, a!, 0) as Claim;
    assert.equal(claim.instance.id, 'b');
    claim.release();
  }
});

test('of two instances the one with less to do is taken, and failing fast is not being fast', () => {
  const routing = new RoutingTable([], surroundings().around);
  routing.take(
    tableOf(
      1,
      {
        'x-1': [
          ['a', 1],
          ['b', 2],
        ],
      },
      'x-1',
    ),
    CHANGED,
  );
  const service = routing.service('x')!;
  const [a, b] = service.live!.up as [Instance, Instance];
  a.latency.observe(FAILURE_COUNTS_AS_MS, 0);
  b.latency.observe(20, 0);
  const taken = Array.from({ length: 100 }, () => (claimInstance(service, LIVE_BUCKET, null, 0) as Claim).instance.id);
  assert.equal(taken.filter((id) => id === 'a').length, 0);
  b.inFlight = 1_000;
  assert.equal((claimInstance(service, LIVE_BUCKET, null, 0) as Claim).instance.id, 'a');
});

test('requests beyond the bound of an instance are refused, not queued', () => {
  const routing = new RoutingTable([], surroundings().around);
  routing.take(tableOf(1, { 'x-1': [['a', 1]] }, 'x-1'), CHANGED);
  const service = routing.service('x')!;
  service.live!.up[0]!.inFlight = 1_024;
  assert.equal(claimInstance(service, LIVE_BUCKET, null, 0), 'overloaded');
});

test('the average follows time, not numbers, and fades while nothing is heard', () => {
  const latency = new Latency();
  latency.observe(10, 0);
  assert.equal(latency.at(0), 10);
  for (let nth = 0; nth < 1_000; nth += 1) latency.observe(1_000, 20);
  assert.ok(latency.at(20) < 25, 'a burst at one moment is one observation');
  for (let nowMs = 20; nowMs < 4_000; nowMs += 20) latency.observe(1_000, nowMs);
  assert.ok(latency.at(4_000) > 800);
  for (let nowMs = 4_000; nowMs < 10_000; nowMs += 20) latency.observe(10, nowMs);
  assert.ok(latency.at(10_000) < 100);
  latency.observe(1_000, 60_000);
  assert.ok(latency.at(60_000) > 900, 'after a long silence an observation is all there is');
  assert.ok(latency.at(150_000) < 15);
});

test('an instance of which nothing is known yet gets its share, and no more', () => {
  const routing = new RoutingTable([], surroundings().around);
  const instances: Told[string] = [
    ['a', 1],
    ['b', 2],
  ];
  routing.take(tableOf(1, { 'x-1': instances }, 'x-1'), CHANGED);
  const service = routing.service('x')!;
  const [a, b] = service.live!.up as [Instance, Instance];
  a.latency.observe(20, 0);
  for (let nth = 0; nth < 100; nth += 1) claimInstance(service, LIVE_BUCKET, null, 0);
  assert.deepEqual([a.inFlight, b.inFlight], [50, 50]);
});

test("no service gets a request for the gateway's own paths, or for any below them", () => {
  const routing = new RoutingTable([route.parse('/api/session')], surroundings().around);
  const table = tableOf(1, { 'x-1': [['a', 1]] }, 'x-1');
  table.services['x']!.deployments['x-1']!.routes = ['/api/session', '/api/session/refresh', '/api/sessions'].map(
    (path) => route.parse(path),
  );
  routing.take(table, CHANGED);
  assert.equal(routing.find('/api/session')!.service, null);
  assert.equal(routing.find('/api/session/refresh')!.service, null);
  assert.equal(routing.find('/api/sessions')!.service!.name, 'x');
});

test('link-local addresses and the gateway itself are never routed to', () => {
  const own = [{ host: '0.0.0.0', port: 8000 }];
  for (const host of [
    '169.254.169.254',
    '0.0.0.0',
    '224.0.0.1',
    'fe80::1',
    '[fe80::1]',
    '::',
    'fd00:ec2::254',
    'a b',
    'a/b',
  ])
    assert.notEqual(refusedAddress(host, 80, own), null, host);
  for (const host of ['127.0.0.1', 'localhost', '::1', '0:0:0:0:0:0:0:1', '127.0.0.2'])
    assert.notEqual(refusedAddress(host, 8000, own), null, host);
  for (const host of ['127.0.0.1', '10.0.0.1', '::1', 'users.internal', 'my_service'])
    assert.equal(refusedAddress(host, 3010, own), null, host);
  assert.equal(isAllowedAddress('169.254.1.1'), false);
  assert.equal(isAllowedAddress('::ffff:169.254.1.1'), false);
  const { around, warnings } = surroundings([{ host: '127.0.0.1', port: 8000 }]);
  const routing = new RoutingTable([], around);
  routing.take(
    tableOf(
      1,
      {
        'x-1': [
          ['self', 8000],
          ['a', 1],
        ],
      },
      'x-1',
    ),
    CHANGED,
  );
  assert.deepEqual(
    routing.service('x')!.live!.up.map((instance) => instance.id),
    ['a'],
  );
  assert.equal(warnings.length, 1);
});
