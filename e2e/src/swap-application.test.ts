/** Everything that a yard runs is swapped, over and over, while everything is used: nobody notices, and nothing is left over. */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { BusyPeople } from './busy-people.ts';
import { addProbe } from './traffic/probe-files.ts';
import { startTraffic } from './traffic/traffic.ts';
import type { TrafficResult } from './traffic/traffic.ts';
import { freePorts, processesBelow, YardUnderTest } from './yard-under-test.ts';

/** A service of Node.js with WebSockets and one of Python, neither of which knows of the yard. */
const TURN = ['users', 'feeds', 'front', 'python', 'users', 'feeds', 'node'] as const;
const SWAPS = 20;
const RELEASES_KEPT = 5;
const REQUESTS_A_SECOND = 30;
/** The lease of a watcher is 10 s, renewed every 3 s: so much is left of it when its process has just been stopped, and the next swap commits. */
const STOPPED_LEASE_MIN_MS = 3_000;

interface Report {
  readonly kind: 'swap' | 'rollback';
  readonly services: Readonly<Record<string, { readonly from: string | null; readonly to: string | null }>>;
  readonly outcome: string;
  readonly reason: string | null;
  readonly timeline: readonly { readonly stage: string; readonly atMs: number }[];
  readonly commitToAcknowledgedMs: number | null;
  readonly requests: Readonly<Record<string, { readonly requests: number; readonly failed: number }>>;
  readonly cut: number;
}

let yard: YardUnderTest;
let ports: number[];
before(async () => {
  yard = await YardUnderTest.create();
  ports = await freePorts(4);
  const [python, node] = [ports.slice(0, 2), ports.slice(2)] as [[number, number], [number, number]];
  await addProbe(yard.folder, 'python', { ports: python, language: 'python' });
  await addProbe(yard.folder, 'node', { ports: node });
  await yard.up();
});
after(() => yard.remove());

test(
  'twenty swaps under use: no request fails, nothing is lost, done twice or told to others',
  { timeout: 400_000 },
  async (t) => {
    const people = await BusyPeople.gather(yard.origin);
    await people.start();
    const probes = [
      startTraffic({
        origin: yard.origin,
        prefix: '/python',
        ratePerSecond: REQUESTS_A_SECOND,
        streams: 3,
        sockets: 0,
      }),
      startTraffic({ origin: yard.origin, prefix: '/node', ratePerSecond: REQUESTS_A_SECOND, streams: 3, sockets: 3 }),
    ];
    const order = Array.from({ length: SWAPS }, (_, n) => TURN[n % TURN.length]!);
    const results: TrafficResult[] = [];
    const ended: { service: string; code: number | null; said: string }[] = [];
    try {
      for (const [n, service] of order.entries()) {
        const { code, stdout, stderr } = await yard.yard('swap', service, '--bake', n % 2 === 0 ? '0s' : '1s');
        ended.push({ service, code, said: code === 0 ? '' : stdout + stderr });
      }
    } finally {
      await people.stop();
      for (const probe of probes) results.push(await probe.stop());
    }
    await people.verify();
    const counted = await Promise.all(results.map((result) => result.verify()));
    const reports = await history();
    for (const report of reports) t.diagnostic(lineOf(report));
    t.diagnostic(`people: ${JSON.stringify(people.done)}, ${people.reconnects} reconnects of streams`);
    for (const { sent, failed, reconnects, longestGapMs } of results)
      t.diagnostic(`probe: ${JSON.stringify({ sent, failed, reconnects, longestGapMs: Math.round(longestGapMs) })}`);

    assert.deepEqual(
      ended,
      order.map((service) => ({ service, code: 0, said: '' })),
    );
    assert.deepEqual(people.faults, []);
    for (const [index, result] of results.entries()) {
      assert.deepEqual(result.failures, []);
      assert.equal(result.failed, 0);
      assert.deepEqual(counted[index]!.examples, []);
      assert.equal(counted[index]!.done, counted[index]!.sent);
    }
    for (const done of ['write', 'read', 'like', 'comment', 'ask', 'signIn', 'refresh', 'page', 'mention'])
      assert.ok((people.done[done] ?? 0) > 0, `nobody did this: ${done}`);
    assert.ok(people.reconnects > 0, 'no stream of a feed was ended and opened again');
    assert.deepEqual(
      reports.map(({ services, outcome, reason, cut }) => ({ services: Object.keys(services), outcome, reason, cut })),
      order.map((service) => ({ services: [service], outcome: 'done', reason: null, cut: 0 })),
    );
    const failed = reports
      .flatMap(({ requests }) => Object.values(requests))
      .reduce((sum, told) => sum + told.failed, 0);
    assert.equal(failed, 0, 'the gateway counted failures');
    // What the swap before has stopped is leased for longer than this, and acknowledges nothing any more.
    const waits = reports.map(({ commitToAcknowledgedMs }) => commitToAcknowledgedMs!).toSorted((a, b) => a - b);
    assert.ok(waits[SWAPS / 2]! < STOPPED_LEASE_MIN_MS, `commit to acknowledged: ${waits.join(', ')} ms`);
  },
);

test('each swap made one deployment, of which the last is live, alone and with one process', async () => {
  const { services } = await yard.status();
  const expected = new Map(['users', 'feeds', 'front', 'python', 'node'].map((service) => [service, 1]));
  for (let n = 0; n < SWAPS; n++) expected.set(TURN[n % TURN.length]!, expected.get(TURN[n % TURN.length]!)! + 1);
  const table = (await (await fetch(`http://127.0.0.1:${yard.registryPort}/v1/table`)).json()) as {
    services: Record<string, { live: string; standby: string | null; deployments: Record<string, unknown> }>;
  };
  for (const [service, number] of expected) {
    const live = `${service}-${number}`;
    const { state, standby, instances } = services[service]!;
    assert.deepEqual(
      { live: services[service]!.live, state, standby, instances: instances.length },
      { live, state: 'ready', standby: null, instances: 1 },
    );
    const told = table.services[service]!;
    assert.deepEqual([told.live, told.standby, Object.keys(told.deployments)], [live, null, [live]]);
  }
  const releases = path.join(yard.folder, '.yard/releases');
  const pids = [...(await yard.pids()).values()].flat();
  const strangers = (await processesBelow(releases)).filter((pid) => !pids.includes(pid));
  assert.deepEqual(strangers, [], 'processes of deployments that are not live');
  const kept = Map.groupBy(await readdir(releases), (deployment) => deployment.replace(/-\d+$/, ''));
  for (const service of expected.keys()) {
    const count = kept.get(service)?.length ?? 0;
    assert.ok(count > 0 && count <= RELEASES_KEPT, `${count} releases of ${service} are kept`);
  }
});

test('the side that is not live holds no port, and after the end nothing does', async () => {
  const { services } = await yard.status();
  const taken = Object.values(services).flatMap(({ instances }) => instances.map(({ port }) => port));
  for (const port of ports) assert.equal(await isTaken(port), taken.includes(port), `port ${port}`);
  assert.equal((await yard.yard('down')).code, 0);
  for (const port of [...ports, ...taken, yard.gatewayPort, yard.registryPort])
    assert.equal(await isTaken(port), false);
  assert.deepEqual(await processesBelow(yard.folder), []);
});

/** Oldest first. */
async function history(): Promise<Report[]> {
  const { code, stdout, stderr } = await yard.yard('history', '--json');
  assert.equal(code, 0, stderr);
  const reports = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Report & { startedAt: string });
  return reports.toSorted((a, b) => (a.startedAt < b.startedAt ? -1 : 1));
}

function lineOf({ services, timeline, commitToAcknowledgedMs, requests, cut }: Report): string {
  const [service, { from, to }] = Object.entries(services)[0]!;
  const told = [from, to].map((deployment) => requests[deployment ?? '']?.requests ?? 0);
  return `${service}: ${from} -> ${to}, ${told.join(' + ')} requests, commit to acknowledged ${commitToAcknowledgedMs} ms, cut ${cut}, ${timeline.map(({ stage, atMs }) => `${stage} ${atMs}`).join(', ')}`;
}

const isTaken = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const answer = (taken: boolean) => {
      socket.destroy();
      resolve(taken);
    };
    socket.once('connect', () => answer(true)).once('error', () => answer(false));
  });
