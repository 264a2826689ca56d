/** Proves that migrations are applied once, together, in order, and when the database comes late. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { createLogger } from '../log.ts';
import { DatabaseAway } from './connection-errors.ts';
import { openDatabase } from './database.ts';
import type { Database } from './database.ts';
import { migrate } from './migrate.ts';
import { startTestPostgres } from './test-server.ts';
import type { TestPostgres } from './test-server.ts';

const log = createLogger({ service: 'test', level: 'silent' });

describe('migrating', () => {
  let postgres: TestPostgres;
  let made = 0;
  const ends: (() => Promise<unknown>)[] = [];
  before(async () => {
    postgres = await startTestPostgres();
  });
  after(async () => {
    for (const end of ends.toReversed()) await end();
    await postgres.stop();
  });

  const fresh = async (): Promise<Database> => open(await postgres.url(`m${++made}`));
  const open = (url: string): Database => {
    const db = openDatabase({ url, log, acquireTimeoutMs: 500 });
    ends.push(() => db.close());
    return db;
  };
  const folder = async (files: Record<string, string>): Promise<URL> => {
    const release = await mkdtemp(join(tmpdir(), 'switchyard-migrations-'));
    ends.push(() => rm(release, { recursive: true }));
    const path = join(release, 'migrations');
    await mkdir(path);
    for (const [name, sql] of Object.entries(files)) await writeFile(join(path, name), sql);
    return pathToFileURL(path);
  };
  const tables = async (db: Database) =>
    (await db.query<{ t: string }>("SELECT tablename AS t FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")).map(
      ({ t }) => t,
    );

  it('applies each file once, in order of number, directory by directory', async () => {
    const db = await fresh();
    const first = await folder({ '0001-a.sql': 'CREATE TABLE a (x int); INSERT INTO a VALUES (1)' });
    const then = await folder({
      '0010-b.sql': 'ALTER TABLE b ADD y int',
      '0002-b.sql': 'CREATE TABLE b AS SELECT x FROM a',
    });
    await migrate(db, [first, then], log);
    await migrate(db, [first, then], log);
    assert.deepEqual(await db.query('SELECT * FROM b'), [{ x: 1, y: null }]);
  });

  it('lets many processes start together', async () => {
    const db = await fresh();
    const slow = await folder({ '0001-slow.sql': 'CREATE TABLE once (x int); SELECT pg_sleep(0.05)' });
    await Promise.all(Array.from({ length: 5 }, () => migrate(db, [slow], log)));
    assert.deepEqual(await tables(db), ['once', 'schema_migration']);
  });

  it('undoes the whole of a file that fails, names it, and applies it once it is mended', async () => {
    const db = await fresh();
    const path = await folder({
      '0001-good.sql': 'CREATE TABLE good (x int)',
      '0002-bad.sql': 'CREATE TABLE half (x int); SELEC 1',
    });
    await assert.rejects(migrate(db, [path], log), /0002-bad\.sql: syntax error/);
    assert.deepEqual(await tables(db), ['good', 'schema_migration']);
    await writeFile(new URL(`${path.href}/0002-bad.sql`), 'CREATE TABLE whole (x int)');
    await migrate(db, [path], log);
    assert.deepEqual(await tables(db), ['good', 'schema_migration', 'whole']);
  });

  it('refuses a file that was changed after it was applied, and one that is not named as it must be', async () => {
    const db = await fresh();
    const path = await folder({ '0001-a.sql': 'CREATE TABLE a (x int)' });
    await migrate(db, [path], log);
    await writeFile(new URL(`${path.href}/0001-a.sql`), 'CREATE TABLE a (x bigint)');
    await assert.rejects(migrate(db, [path], log), /0001-a\.sql was changed after it was applied/);
    await assert.rejects(migrate(db, [await folder({ '1-a.sql': '' })], log), /1-a\.sql is not named like/);
    await assert.rejects(
      migrate(db, [await folder({ '0001-a.sql': '', '0001-b.sql': '' })], log),
      /two migrations have the number 0001/,
    );
  });

  it('leaves alone what only a newer version knows: an older deployment starts on a database that was expanded', async () => {
    const db = await fresh();
    const path = await folder({ '0001-a.sql': 'CREATE TABLE a (x int)', '0002-newer.sql': 'CREATE TABLE b (x int)' });
    await migrate(db, [path], log);
    await rm(new URL(`${path.href}/0002-newer.sql`));
    await migrate(db, [path], log);
    assert.deepEqual(await tables(db), ['a', 'b', 'schema_migration']);
  });

  it('lets an older and a newer deployment start together, whichever comes first', async () => {
    const files = { '0001-a.sql': 'CREATE TABLE a (x int); SELECT pg_sleep(0.02)' };
    const older = await folder(files);
    const newer = await folder({ ...files, '0002-newer.sql': 'ALTER TABLE a ADD y int' });
    for (const order of [
      [older, newer],
      [newer, older],
    ]) {
      const db = await fresh();
      await Promise.all(order.map((path) => migrate(db, [path], log)));
      assert.deepEqual(await db.query('SELECT x, y FROM a'), []);
    }
  });

  it('waits for nobody when there is nothing to apply', async () => {
    const db = await fresh();
    const path = await folder({ '0001-a.sql': 'CREATE TABLE a (x int)' });
    await migrate(db, [path], log);
    const migrating = await db.session();
    await migrating.query(`SELECT pg_advisory_lock(hashtextextended('switchyard migrations', 0))`);
    await migrate(db, [path], log);
    await migrating.close();
  });

  it('waits for a server that is not there yet, and for a database that is not made yet', async () => {
    const path = await folder({ '0001-a.sql': 'CREATE TABLE a (x int)' });
    const unmade = open((await postgres.url('m0')).replace('/m0', '/not_yet'));
    await postgres.crash();
    const comes = postgres.restart().then(() => postgres.url('not_yet'));
    await Promise.all([migrate(unmade, [path], log), comes]);
    assert.deepEqual(await tables(unmade), ['a', 'schema_migration']);
  });

  it('gives up after a time, and at once when it is refused for good or told to stop', async () => {
    const path = await folder({ '0001-a.sql': 'CREATE TABLE a (x int)' });
    const nowhere = open('postgresql://postgres@127.0.0.1:1/x');
    await assert.rejects(migrate(nowhere, [path], log, { waitMs: 100 }), DatabaseAway);
    const stop = new AbortController();
    setImmediate(() => stop.abort(new Error('stopping')));
    await assert.rejects(migrate(nowhere, [path], log, { signal: stop.signal }), /abort/i);
    const stranger = open((await postgres.url('m0')).replace('postgres@', 'stranger@'));
    await assert.rejects(migrate(stranger, [path], log), /role "stranger" does not exist/);
  });
});
