/** The note of instances on a real disk. */
import assert from 'node:assert/strict';
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { registration } from '@switchyard/contracts/registry';
import { FakeClock } from '@switchyard/kit/clock';
import { createLogger } from '@switchyard/kit/log';
import { RoutingTable } from '../table/routing-table.ts';
import { Checkpoint } from './checkpoint.ts';

async function setUp(t: TestContext) {
  const folder = await mkdtemp(path.join(tmpdir(), 'registry-note-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const table = new RoutingTable({ firstRevision: 0, onChange: () => {} });
  const clock = new FakeClock();
  const checkpoint = new Checkpoint({
    folder,
    instances: () => table.allInstances(),
    watchers: () => ['gw-1'],
    clock,
    log: createLogger({ service: 'test', level: 'silent' }),
  });
  const put = (count: number): void => {
    for (let index = 0; index < count; index += 1)
      table.put(`u-${index}`, registration.parse({ service: 'users', port: 3010, routes: ['/api/users'] }));
  };
  return { checkpoint, clock, put, file: path.join(folder, 'instances.jsonl') };
}

test('instances are noted with all they said, however many there are', async (t) => {
  const { checkpoint, put } = await setUp(t);
  assert.equal(await checkpoint.load(), null, 'nothing was ever noted');
  put(1_201);
  checkpoint.changed();
  await checkpoint.flush();
  const noted = await checkpoint.load();
  assert.equal(noted?.instances.length, 1_201);
  assert.equal(noted.instances[7]?.id, 'u-7');
  assert.deepEqual(noted.watchers, ['gw-1']);
  assert.equal(noted.instances[7]?.registration.routes[0]?.path, '/api/users');
});

test('changes that follow each other are written together', async (t) => {
  const { checkpoint, clock, put } = await setUp(t);
  put(3);
  for (let change = 0; change < 100; change += 1) checkpoint.changed();
  assert.equal(clock.pending, 1);
  await clock.advance(1_000);
  assert.equal(clock.pending, 0);
  await checkpoint.flush();
  assert.equal((await checkpoint.load())?.instances.length, 3);
});

test('lines that are torn or of another time are left out, the others are read', async (t) => {
  const { checkpoint, put, file } = await setUp(t);
  put(2);
  checkpoint.changed();
  await checkpoint.flush();
  await appendFile(file, '{"id":"x","registration":{"service":"users","port":1,"newField":1}}\n{"id":"y","regis');
  assert.deepEqual(
    (await checkpoint.load())?.instances.map(({ id }) => id),
    ['u-0', 'u-1'],
  );
  assert.equal((await readFile(file, 'utf8')).split('\n').length, 5);
  await writeFile(file, '');
  assert.deepEqual(await checkpoint.load(), { instances: [], watchers: [] }, 'noted that there was none');
});
