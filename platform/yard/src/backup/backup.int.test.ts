/** Backups of a real PostgreSQL server, taken while it writes and while it is stopped, and put back elsewhere. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import pg from 'pg';
import { installPostgres, packagedPostgres } from '../postgres/binaries.ts';
import { EmbeddedPostgres } from '../postgres/embedded-postgres.ts';
import type { Placement } from '../postgres/placement.ts';
import { PostgresSecrets } from '../postgres/postgres-secrets.ts';
import { YardState } from '../state/yard-state.ts';
import { yardFolder } from '../yard-folder.ts';
import type { YardFolder } from '../yard-folder.ts';
import { restoreBackup, UnfitBackup } from './restore-backup.ts';
import type { PlaceOfServer } from './restore-backup.ts';
import { takeBackup } from './take-backup.ts';

const signal = AbortSignal.timeout(120_000);
const owner = ((): Placement['owner'] => {
  if (process.getuid?.() !== 0) return null;
  const id = (flag: string) => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g'), name: 'nobody' };
})();

let folder: string;
let binaries: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'yard-backup-'));
  await chmod(folder, 0o755);
  binaries = await installPostgres(await packagedPostgres(), join(folder, 'postgresql'));
});
after(() => rm(folder, { recursive: true, force: true }));

interface TestYard {
  readonly yard: YardFolder;
  readonly server: EmbeddedPostgres;
  readonly place: PlaceOfServer;
}

async function testYard(name: string): Promise<TestYard> {
  const yard = yardFolder(join(folder, name));
  await mkdir(yard.state, { recursive: true, mode: 0o700 });
  const home = join(folder, `${name}-home`);
  await mkdir(home, { mode: 0o700 });
  if (owner !== null) await chown(home, owner.uid, owner.gid);
  const secrets = await PostgresSecrets.open(yard.keys);
  const place = { data: join(home, 'postgres'), home, binaries, major: '18', owner };
  return { yard, place, server: serverOf(yard, place, secrets.superuser) };
}

const serverOf = (yard: YardFolder, place: PlaceOfServer, superuserPassword: string): EmbeddedPostgres =>
  new EmbeddedPostgres({
    placement: { binaries: '', home: place.home, data: place.data, owner },
    binaries,
    recordFile: join(yard.state, 'postgres.json'),
    logFile: join(yard.logs, 'postgres.log'),
    superuserPassword,
  });

const backupOf = ({ yard, place }: TestYard, file: string, adminUrl: string | null) =>
  takeBackup({
    folder: yard,
    file,
    data: place.data,
    adminUrl,
    databases: ['postgres'],
    now: new Date('2026-01-31T12:00:00Z'),
    signal,
    onFile: () => undefined,
  });

const restoreTo = ({ yard, place }: TestYard, file: string) =>
  restoreBackup({
    folder: yard,
    file,
    signal,
    place: () => Promise.resolve(place),
    prove: async (_, password) => {
      const server = serverOf(yard, place, password);
      await server.start(signal);
      await server.stop();
    },
  });

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** What is in the restored yard: rows, and whether its cursors (transaction ids) still fit. */
async function contentOf({ yard, place }: TestYard): Promise<{ rows: number; sum: string; isOrdered: boolean }> {
  const { superuser } = await PostgresSecrets.open(yard.keys);
  const server = serverOf(yard, place, superuser);
  const { adminUrl } = await server.start(signal);
  try {
    return await withClient(adminUrl, async (client) => {
      const { rows } = await client.query<{ rows: number; sum: string; ordered: boolean }>(
        `SELECT count(*)::int AS rows, coalesce(sum(n), 0)::text AS sum, coalesce(max(x) < pg_current_xact_id(), true) AS ordered FROM t`,
      );
      return { rows: rows[0]!.rows, sum: rows[0]!.sum, isOrdered: rows[0]!.ordered };
    });
  } finally {
    await server.stop();
  }
}

test('a backup taken while the server writes holds everything that was committed before it, and nothing torn', async () => {
  const source = await testYard('writing');
  await writeFile(source.yard.operatorToken, 'token\n', { mode: 0o600 });
  const state = await YardState.open(source.yard.stateFile);
  await state.nextNumber('users');
  await state.setLive('users', 'users-1', { standby: null, side: 'blue' });
  const { adminUrl } = await source.server.start(signal);
  const file = join(folder, 'online.tgz');
  let committed = 0;
  try {
    await withClient(adminUrl, async (client) => {
      await client.query('CREATE TABLE t (n int PRIMARY KEY, x xid8 NOT NULL DEFAULT pg_current_xact_id(), text text)');
      const over = new AbortController();
      const insert = async () => {
        committed += 1;
        await client.query(`INSERT INTO t (n, text) VALUES ($1, repeat('x', 2000))`, [committed]);
      };
      for (let n = 0; n < 500; n += 1) await insert();
      const before = committed;
      const writing = (async () => {
        while (!over.signal.aborted) await insert();
      })();
      const { manifest } = await backupOf(source, file, adminUrl).finally(() => {
        over.abort();
      });
      await writing;
      assert.ok(committed > before, 'nothing was written meanwhile');
      assert.deepEqual(manifest.services, { users: 1 });
      assert.equal(manifest.postgres?.isOnline, true);
    });
  } finally {
    await source.server.stop();
  }
  assert.equal((await stat(file)).mode & 0o777, 0o600);

  const target = await testYard('restored');
  await restoreTo(target, file);
  const content = await contentOf(target);
  assert.ok(content.rows >= 500 && content.rows <= committed, `${content.rows} of ${committed}`);
  assert.equal(Number(content.sum), (content.rows * (content.rows + 1)) / 2, 'rows are missing in between');
  assert.ok(content.isOrdered, 'transaction ids went back');
  assert.equal(await readFile(target.yard.operatorToken, 'utf8'), 'token\n');
  const restored = await YardState.open(target.yard.stateFile);
  assert.equal(restored.of('users').live, null, 'a deployment without its release is live');
  assert.equal(restored.of('users').counter, 1);
});

test('a backup of a stopped server restores over other data only as a whole, and damage is found before anything is touched', async () => {
  const source = await testYard('stopped');
  const { adminUrl } = await source.server.start(signal);
  await withClient(adminUrl, (client) => client.query('CREATE TABLE t AS SELECT 1 AS n, pg_current_xact_id() AS x'));
  await source.server.stop();
  const file = join(folder, 'stopped.tgz');
  const { manifest } = await backupOf(source, file, null);
  assert.equal(manifest.postgres?.isOnline, false);

  const target = await testYard('other');
  const other = await target.server.start(signal);
  await withClient(other.adminUrl, (client) => client.query('CREATE TABLE t (n int, x xid8)'));
  await target.server.stop();

  const bytes = await readFile(file);
  const cut = join(folder, 'cut.tgz');
  await writeFile(cut, bytes.subarray(0, bytes.length - 1_000));
  const flipped = join(folder, 'flipped.tgz');
  const wrong = Buffer.from(bytes);
  wrong[Math.floor(wrong.length / 2)]! ^= 0xff;
  await writeFile(flipped, wrong);
  const stranger = join(folder, 'stranger.tgz');
  execFileSync('tar', ['-czf', stranger, '-C', folder, 'cut.tgz']);
  for (const damaged of [cut, flipped, stranger, join(folder, 'absent.tgz')]) {
    await assert.rejects(restoreTo(target, damaged), UnfitBackup);
  }
  assert.deepEqual(await contentOf(target), { rows: 0, sum: '0', isOrdered: true });

  await restoreTo(target, file);
  assert.deepEqual(await contentOf(target), { rows: 1, sum: '1', isOrdered: true });
  const left = [...(await readdir(target.place.home)), ...(await readdir(target.yard.state))];
  assert.deepEqual(
    left.filter((name) => /restor/.test(name)),
    [],
  );
});

test('a restored server that does not start gives the data of before back', async () => {
  const source = await testYard('unfit');
  await source.server.start(signal);
  await source.server.stop();
  const file = join(folder, 'unfit.tgz');
  await backupOf(source, file, null);
  const target = await testYard('kept');
  const { adminUrl } = await target.server.start(signal);
  await withClient(adminUrl, (client) => client.query('CREATE TABLE t AS SELECT 7 AS n, pg_current_xact_id() AS x'));
  await target.server.stop();
  await assert.rejects(
    restoreBackup({
      folder: target.yard,
      file,
      signal,
      place: () => Promise.resolve(target.place),
      prove: () => Promise.reject(new Error('it does not start')),
    }),
    /it does not start/,
  );
  assert.equal((await contentOf(target)).sum, '7');
});

test('a backup that cannot be written leaves nothing behind', async () => {
  const source = await testYard('full');
  await source.server.start(signal);
  await source.server.stop();
  const place = join(folder, 'place');
  await mkdir(join(place, 'backup.tgz', 'in-the-way'), { recursive: true });
  await assert.rejects(backupOf(source, join(place, 'backup.tgz'), null));
  assert.deepEqual(await readdir(place), ['backup.tgz']);
});
