/** The kit's clients against the real registry: following the table, staying registered, acknowledging. */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { Table, Watchers } from '@switchyard/contracts/registry';
import { FakeClock } from '@switchyard/kit/clock';
import { createLogger } from '@switchyard/kit/log';
import { RegistryClient, RegistryError } from '@switchyard/kit/registry/client';
import { Registration } from '@switchyard/kit/registry/registration';
import { TableWatch } from '@switchyard/kit/registry/table-watch';
import type { TableWatchOptions } from '@switchyard/kit/registry/table-watch';
import { RegistryProcess } from './testing/registry-process.ts';

const log = createLogger({ service: 'test', level: 'silent' });
const PATIENCE_MS = 10_000;

/** A watch whose tables can be waited for. */
function watchOf(t: TestContext, url: string, more: Partial<TableWatchOptions> = {}) {
  const waiting = new Set<() => void>();
  const watch = new TableWatch({
    registryUrl: url,
    log,
    ...more,
    onTable: (table, changed) => {
      more.onTable?.(table, changed);
      for (const look of waiting) look();
    },
  });
  t.after(() => watch.stop());
  watch.start();
  const until = (wanted: (table: Table) => boolean): Promise<Table> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`never came: ${wanted.toString()}`)), PATIENCE_MS);
      const look = (): void => {
        if (watch.table === null || !wanted(watch.table)) return;
        clearTimeout(timer);
        waiting.delete(look);
        resolve(watch.table);
      };
      waiting.add(look);
      look();
    });
  return { watch, until };
}

/** Asks again, as soon as it is answered, until the answer is the wanted one. */
async function eventually<T>(ask: () => Promise<T>, isWanted: (value: T) => boolean): Promise<T> {
  const deadline = AbortSignal.timeout(PATIENCE_MS);
  for (;;) {
    const value = await ask().catch((error: unknown) => {
      if (error instanceof RegistryError && (error.status === 0 || error.status === 503)) return null;
      throw error;
    });
    if (value !== null && isWanted(value)) return value;
    deadline.throwIfAborted();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('a watch has the table, then each change, and keeps it while the registry is away and after it is back', async (t) => {
  const registry = await RegistryProcess.start(t);
  const { watch, until } = watchOf(t, registry.url);
  assert.deepEqual((await watch.first(AbortSignal.timeout(PATIENCE_MS))).services, {});
  await registry.anybody.register('b-1', { service: 'blog', port: 4000 });
  const live = await until((table) => table.services['blog']?.live === 'blog-1');
  await registry.kill('SIGKILL');
  assert.equal(watch.table, live);
  await registry.start();
  await registry.anybody.register('b-1', { service: 'blog', port: 4000, version: 'after' });
  const after = await until((table) => table.services['blog']?.deployments['blog-1']?.version === 'after');
  assert.equal(after.epoch, live.epoch);
});

test('through a restart, nobody who watches ever sees an empty table', async (t) => {
  const registry = await RegistryProcess.start(t);
  const seen: number[] = [];
  const countOf = (table: Table): number => table.services['blog']?.deployments['blog-1']?.instances.length ?? 0;
  const { until } = watchOf(t, registry.url, { onTable: (table) => seen.push(countOf(table)) });
  await registry.anybody.register('b-1', { service: 'blog', port: 9, leaseMs: 60_000 });
  const before = await until((table) => countOf(table) === 1);
  seen.length = 0;
  await registry.kill('SIGKILL');
  await registry.start();
  await registry.anybody.register('b-1', { service: 'blog', port: 9, leaseMs: 60_000 });
  await until((table) => table.revision > before.revision);
  assert.deepEqual(new Set(seen), new Set([1]));
});

test('a registry that lost its state is believed once it serves what was served', async (t) => {
  const registry = await RegistryProcess.start(t);
  const { until, watch } = watchOf(t, registry.url);
  await registry.anybody.register('b-1', { service: 'blog', port: 9, leaseMs: 60_000 });
  await registry.anybody.register('c-1', { service: 'chat', port: 9, leaseMs: 60_000 });
  await until((table) => table.epoch === 2);
  await registry.kill('SIGKILL');
  await rm(registry.stateFolder, { recursive: true });
  await registry.start();
  await registry.anybody.register('b-1', { service: 'blog', port: 9, leaseMs: 60_000 });
  assert.equal(watch.table?.epoch, 2, 'chat is not back, so the old table serves');
  await registry.anybody.register('d-1', { service: 'door', port: 9, leaseMs: 60_000 });
  await registry.anybody.register('c-1', { service: 'chat', port: 9, leaseMs: 60_000 });
  await until((table) => 'door' in table.services);
});

test('a watcher that routes acknowledges each epoch after it routes by it, with what is in flight', async (t) => {
  const registry = await RegistryProcess.start(t);
  const routed: number[] = [];
  watchOf(t, registry.url, {
    watcher: 'gw-1',
    role: 'gateway',
    onTable: (table) => routed.push(table.epoch),
    inFlight: () => ({ 'blog-1': 3 }),
  });
  const epochOf = (watchers: Watchers['watchers']): number | null | undefined =>
    watchers.find(({ id }) => id === 'gw-1')?.epoch;
  await registry.anybody.register('b-1', { service: 'blog', port: 4000, leaseMs: 60_000 });
  const watchers = await eventually(
    () => registry.anybody.readWatchers(),
    (list) => epochOf(list) === 1,
  );
  assert.ok(routed.includes(1));
  assert.deepEqual(watchers[0]?.inFlight, { 'blog-1': 3 });
  assert.equal(watchers[0]?.connected, true);
  await registry.kill('SIGKILL');
  await registry.start();
  await registry.anybody.register('b-1', { service: 'blog', port: 4000, leaseMs: 60_000 });
  const after = await eventually(
    () => registry.anybody.readWatchers(),
    () => true,
  );
  assert.notEqual(epochOf(after), undefined, 'the first list after a restart has everybody who was there');
});

test('a table that the caller could not put to use is not acknowledged', async (t) => {
  const registry = await RegistryProcess.start(t);
  const { until } = watchOf(t, registry.url);
  watchOf(t, registry.url, {
    watcher: 'gw-1',
    role: 'gateway',
    onTable: (table) => {
      if (table.epoch > 0) throw new Error('cannot route by it');
    },
  });
  await eventually(
    () => registry.anybody.readWatchers(),
    (list) => list[0]?.epoch === 0,
  );
  await registry.anybody.register('b-1', { service: 'blog', port: 4000, leaseMs: 60_000 });
  await until((table) => table.epoch === 1);
  assert.equal((await registry.anybody.readWatchers())[0]?.epoch, 0);
});

test('a connection that says nothing for 15 s is given up and opened again', async (t) => {
  const clock = new FakeClock();
  let connections = 0;
  const arrived: (() => void)[] = [];
  const server = createServer((_request, response) => {
    connections += 1;
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('event: table\nid: 1\ndata: {"epoch":0,"revision":1,"services":{}}\n\n');
    arrived.shift()?.();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { watch } = watchOf(t, url, { clock });
  await watch.first(AbortSignal.timeout(PATIENCE_MS));
  await clock.advance(14_999);
  assert.equal(connections, 1);
  const again = new Promise<void>((resolve) => arrived.push(resolve));
  await clock.advance(1);
  await eventually(
    async () => {
      await clock.advance(100);
      return connections;
    },
    (count) => count === 2,
  );
  await again;
});

test('an instance stays registered through a restart of the registry, and is gone when it stops', async (t) => {
  const registry = await RegistryProcess.start(t);
  await registry.operator.declare({ services: { users: {} } });
  const client = registry.operator;
  const registration = new Registration({
    client,
    id: 'u-1',
    registration: { service: 'users', deployment: 'users-7', port: 9, leaseMs: 1_500 },
    log,
  });
  await registration.start();
  const isThere = (table: Table): boolean =>
    table.services['users']?.deployments['users-7']?.instances.some(({ id }) => id === 'u-1') === true;
  assert.ok(isThere(await client.readTable()));
  await registry.kill('SIGKILL');
  await registry.start();
  await eventually(() => client.readTable(), isThere);
  await registration.stop();
  assert.ok(!isThere(await client.readTable()));
});

test('while the registry is away, starting and stopping a registration neither throw nor wait for long', async () => {
  const registration = new Registration({
    client: new RegistryClient({ url: 'http://127.0.0.1:9' }),
    id: 'u-1',
    registration: { service: 'users', port: 9 },
    log,
  });
  await registration.start();
  await registration.stop();
});
