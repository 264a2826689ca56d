/** What a watch is sent, and when. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { registration } from '@switchyard/contracts/registry';
import { FakeClock } from '@switchyard/kit/clock';
import { EventStreamReader } from '@switchyard/kit/registry/event-stream';
import { RoutingTable } from '../table/routing-table.ts';
import { HEARTBEAT_MS, WatchStreams } from './watch-streams.ts';
import type { WatchStream } from './watch-streams.ts';

/** Keeps what is written; `writableLength` is what its reader has not taken. */
class Recorded implements WatchStream {
  writableLength = 0;
  isReading = true;
  isCut = false;
  isEnded = false;
  readonly chunks: Buffer[] = [];
  readonly events: { type: string; id: string; services: string[] }[] = [];
  private readonly reader = new EventStreamReader(({ type, lastEventId, data }) => {
    const { services = {} } = JSON.parse(data) as { services?: object };
    this.events.push({ type, id: lastEventId, services: Object.keys(services) });
  });
  write(chunk: Buffer): boolean {
    this.chunks.push(chunk);
    if (!this.isReading) this.writableLength += chunk.length;
    this.reader.push(chunk);
    return this.isReading;
  }
  end(): void {
    this.isEnded = true;
  }
  destroy(): void {
    this.isCut = true;
  }
}

function setUp() {
  const clock = new FakeClock();
  const isReserved = { now: true };
  let onChange = (): void => {};
  const table = new RoutingTable({ firstRevision: 100, onChange: () => onChange() });
  const streams = new WatchStreams({ table, clock, maxStreams: 3, canResume: () => isReserved.now });
  onChange = () => streams.changed();
  const put = (service: string, padding = ''): void => {
    table.put(
      `${service}-x`,
      registration.parse({
        service,
        port: 3010,
        metadata: Object.fromEntries(Array.from({ length: 9 }, (_, index) => [`p${index}`, padding])),
      }),
    );
  };
  const open = (lastEventId?: string): Recorded => {
    const stream = new Recorded();
    streams.open(stream, lastEventId);
    return stream;
  };
  return { clock, table, streams, put, open, isReserved };
}
const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('the table comes first, then what changes, with the revision as id', async () => {
  const { put, open, streams } = setUp();
  put('users');
  const stream = open();
  put('feeds');
  await tick();
  assert.deepEqual(stream.events, [
    { type: 'table', id: '101', services: ['users'] },
    { type: 'change', id: '102', services: ['feeds'] },
  ]);
  streams.stop();
});

test('changes of one tick are one event, written once for everybody', async () => {
  const { put, open, streams } = setUp();
  const [a, b] = [open(), open()];
  for (const service of ['x', 'y', 'z']) put(service);
  await tick();
  assert.deepEqual(a.events.at(-1), { type: 'change', id: '103', services: ['x', 'y', 'z'] });
  assert.equal(a.chunks.at(-1), b.chunks.at(-1));
  streams.stop();
});

test('who resumes gets what it missed and no table, or nothing when it missed nothing', async () => {
  const { put, open, streams } = setUp();
  put('users');
  put('feeds');
  assert.deepEqual(open('101').events, [{ type: 'change', id: '102', services: ['feeds'] }]);
  assert.deepEqual(open('102').events, []);
  streams.stop();
});

test('who was away for too long, or comes from another time, is told to begin anew', async () => {
  for (const id of ['99', '5000', 'x', '', '-1', '1e3', '99999999999999999999']) {
    const { put, open, streams } = setUp();
    put('users');
    assert.deepEqual(
      open(id).events.map(({ type }) => type),
      ['resync', 'table'],
      id,
    );
    streams.stop();
  }
});

test('while revisions are not reserved nobody resumes', () => {
  const { put, open, streams, isReserved } = setUp();
  put('users');
  isReserved.now = false;
  assert.deepEqual(
    open('101').events.map(({ type }) => type),
    ['resync', 'table'],
  );
  streams.stop();
});

test('a watch that opens in the middle of a tick gets each change once', async () => {
  const { put, open, streams } = setUp();
  const first = open();
  put('users');
  const second = open();
  await tick();
  assert.deepEqual(
    first.events.map(({ type }) => type),
    ['table', 'change'],
  );
  assert.deepEqual(second.events, [{ type: 'table', id: '101', services: ['users'] }]);
  streams.stop();
});

test('a watcher that does not read is cut, and the others go on', async () => {
  const { put, open, streams } = setUp();
  const slow = open();
  const quick = open();
  slow.isReading = false;
  for (let change = 0; change < 600; change += 1) {
    put('users', `${change}`.padEnd(1_000, '.'));
    await tick();
  }
  assert.equal(slow.isCut, true);
  assert.ok(slow.writableLength < 5_000_000, `${slow.writableLength} bytes`);
  assert.equal(quick.isCut, false);
  assert.equal(quick.events.length, 601);
  assert.deepEqual([streams.count, streams.slowCuts], [1, 1]);
  streams.stop();
});

test('silence is broken by comments, which are no events', async () => {
  const { clock, open, streams } = setUp();
  const stream = open();
  const before = stream.chunks.length;
  await clock.advance(3 * HEARTBEAT_MS);
  assert.equal(stream.chunks.length - before, 3);
  assert.equal(stream.events.length, 1);
  streams.stop();
  assert.equal(stream.isEnded, true);
  assert.equal(clock.pending, 0);
});

test('a service that comes and goes within one tick is told as gone', async () => {
  const { put, open, table, streams } = setUp();
  const stream = open();
  put('users');
  table.remove('users-x');
  await tick();
  assert.deepEqual(stream.events.at(-1), { type: 'change', id: '102', services: ['users'] });
  streams.stop();
});
