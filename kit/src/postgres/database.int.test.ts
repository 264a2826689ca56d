/** Proves what the database wrapper promises, against real PostgreSQL, its crash included. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createLogger } from '../log.ts';
import { DatabaseAway, violates } from './connection-errors.ts';
import { openDatabase } from './database.ts';
import type { Database } from './database.ts';
import { startTestPostgres } from './test-server.ts';
import type { TestPostgres } from './test-server.ts';

const log = createLogger({ service: 'test', level: 'fatal' });

describe('a database', () => {
  let postgres: TestPostgres;
  let url: string;
  let db: Database;
  before(async () => {
    postgres = await startTestPostgres();
    url = await postgres.url('kit');
    db = openDatabase({ url, log });
    await db.query('CREATE TABLE thing (id int PRIMARY KEY, name text)');
  });
  after(async () => {
    await db.close();
    await postgres.stop();
  });

  it('gives int8 as number, count as number, timestamptz as Date and date as text', async () => {
    const [row] = await db.query(
      "SELECT 7::int8 AS a, count(*) AS b, '2026-01-31T12:00:00Z'::timestamptz AS c, '2026-01-31'::date AS d, ARRAY[1,2]::int8[] AS e",
    );
    assert.deepEqual(row, { a: 7, b: 1, c: new Date('2026-01-31T12:00:00Z'), d: '2026-01-31', e: [1, 2] });
  });

  it('refuses an int8 that no number can hold', async () => {
    await assert.rejects(db.query('SELECT 9007199254740993::int8'), RangeError);
    assert.deepEqual(await db.query('SELECT 1 AS one'), [{ one: 1 }], 'and the connection goes on');
  });

  it('takes values by position, also for a prepared statement', async () => {
    for (const n of [1, 2])
      assert.deepEqual(await db.query({ name: 'add', text: 'SELECT $1::int + 1 AS sum', values: [n] }), [
        { sum: n + 1 },
      ]);
  });

  it('says which constraint refused a row', async () => {
    await db.query("INSERT INTO thing VALUES (1, 'one')");
    await assert.rejects(
      db.query("INSERT INTO thing VALUES (1, 'two')"),
      (error) => violates(error, 'thing_pkey') && !violates(error, 'other'),
    );
  });

  it('commits a transaction whose work resolves and rolls back one whose work rejects', async () => {
    await db.transaction((tx) => tx.query("INSERT INTO thing VALUES (10, 'kept')"));
    await assert.rejects(
      db.transaction(async (tx) => {
        await tx.query("INSERT INTO thing VALUES (11, 'gone')");
        throw new Error('no');
      }),
      /^Error: no$/,
    );
    assert.deepEqual(await db.query('SELECT id FROM thing WHERE id IN (10, 11)'), [{ id: 10 }]);
  });

  it('never takes a transaction for committed in which a failed statement was caught', async () => {
    await assert.rejects(
      db.transaction(async (tx) => {
        await tx.query("INSERT INTO thing VALUES (20, 'lost')");
        await tx.query('SELECT 1/0').catch(() => {});
      }),
      /rolled back/,
    );
    assert.deepEqual(await db.query('SELECT id FROM thing WHERE id = 20'), []);
  });

  it('goes on after a failure inside a savepoint', async () => {
    await db.transaction(async (tx) => {
      await tx.query("INSERT INTO thing VALUES (30, 'kept')");
      await tx
        .savepoint(async () => {
          await tx.query("INSERT INTO thing VALUES (31, 'undone')");
          await tx.query('SELECT 1/0');
        })
        .catch(() => {});
    });
    assert.deepEqual(await db.query('SELECT id FROM thing WHERE id IN (30, 31)'), [{ id: 30 }]);
  });

  it('refuses a statement on a transaction that has ended', async () => {
    const ended = await db.transaction((tx) => Promise.resolve(tx));
    await assert.rejects(ended.query('SELECT 1'), /has ended/);
  });

  it('repeats a transaction that met a deadlock', async () => {
    await db.query("INSERT INTO thing VALUES (40, 'a'), (41, 'b')");
    const bothHold = Promise.withResolvers<void>();
    let holding = 0;
    let attempts = 0;
    const swap = (first: number, second: number) =>
      db.transaction(async (tx) => {
        attempts++;
        await tx.query('UPDATE thing SET name = name || $2 WHERE id = $1', [first, 'x']);
        if (++holding === 2) bothHold.resolve();
        await bothHold.promise;
        await tx.query('UPDATE thing SET name = name || $2 WHERE id = $1', [second, 'x']);
      });
    await Promise.all([swap(40, 41), swap(41, 40)]);
    assert.ok(attempts > 2);
    assert.deepEqual(await db.query('SELECT name FROM thing WHERE id IN (40, 41) ORDER BY id'), [
      { name: 'axx' },
      { name: 'bxx' },
    ]);
  });

  it('serves a prepared statement whose table got another column meanwhile', async () => {
    const one = openDatabase({ url, log, poolMax: 1 });
    await one.query('CREATE TABLE grows (a int)');
    await one.query('INSERT INTO grows VALUES (1)');
    const read = { name: 'read-grows', text: 'SELECT * FROM grows' };
    await one.query(read);
    await db.query('ALTER TABLE grows ADD COLUMN b int');
    assert.deepEqual(await one.query(read), [{ a: 1, b: null }]);
    await one.close();
  });

  it('answers DatabaseAway for a statement that takes too long, and goes on', async () => {
    const brief = openDatabase({ url, log, poolMax: 1, statementTimeoutMs: 200 });
    await assert.rejects(brief.query('SELECT pg_sleep(30)'), DatabaseAway);
    assert.deepEqual(await brief.query('SELECT 1 AS one'), [{ one: 1 }]);
    await brief.close();
  });

  it('answers DatabaseAway when no connection is free in time, and goes on', async () => {
    const small = openDatabase({ url, log, poolMax: 1, acquireTimeoutMs: 500 });
    await small.transaction(() => assert.rejects(small.query('SELECT 1'), DatabaseAway));
    assert.deepEqual(await small.query('SELECT 1 AS one'), [{ one: 1 }]);
    await small.close();
  });

  it('survives the loss of its connections, in use and idle, and answers DatabaseAway for what was running', async () => {
    const killAll = () =>
      db.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'victim'");
    const victim = openDatabase({ url, log, applicationName: 'victim' });
    await victim.query('SELECT 1');
    await killAll(); // idle
    await assert.rejects(
      victim.transaction(async (tx) => {
        await tx.query("INSERT INTO thing VALUES (50, 'lost')");
        await killAll();
        await tx.query('SELECT 1');
      }),
      DatabaseAway,
    );
    assert.deepEqual(await victim.query('SELECT id FROM thing WHERE id = 50'), []);
    await victim.close();
  });

  it('tells listeners each payload, and an empty one after their connection was lost', async () => {
    const listening = openDatabase({ url, log, applicationName: 'listening' });
    const heard: string[] = [];
    let next = Promise.withResolvers<void>();
    const hearing = async () => {
      await next.promise;
      next = Promise.withResolvers<void>();
    };
    const stop = await listening.listen('bell', (payload) => {
      heard.push(payload);
      next.resolve();
    });
    await db.query("SELECT pg_notify('bell', 'ding')");
    await hearing();
    await db.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'listening'");
    await hearing();
    await db.query("SELECT pg_notify('bell', 'dong')");
    await hearing();
    assert.deepEqual(heard, ['ding', '', 'dong']);
    await stop();
    await listening.close();
  });

  it('aborts a session that lost its connection', async () => {
    const session = await db.session();
    const [row] = await session.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    const lost = new Promise<void>((resolve) => session.lost.addEventListener('abort', () => resolve()));
    await db.query('SELECT pg_terminate_backend($1)', [row!.pid]);
    await lost;
    await assert.rejects(session.query('SELECT 1'));
    await session.close();
  });

  it('is there again by itself after the server crashed', async () => {
    const [before] = await db.query<{ n: number }>('SELECT count(*) AS n FROM thing');
    await postgres.crash();
    await assert.rejects(db.check(), DatabaseAway);
    await postgres.restart();
    assert.deepEqual(await db.query('SELECT count(*) AS n FROM thing'), [before]);
  });
});
