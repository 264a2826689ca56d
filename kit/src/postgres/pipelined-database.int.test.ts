/** Statements of many on few connections: each gets its own answer, and nobody suffers from another's failure. */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { createLogger } from '../log.ts';
import { DatabaseAway } from './connection-errors.ts';
import { openPipelines } from './pipelined-database.ts';
import type { PipelinedDatabase } from './pipelined-database.ts';
import { startTestPostgres } from './test-server.ts';
import type { TestPostgres } from './test-server.ts';

const log = createLogger({ service: 'test', level: 'silent' });

describe('a pipelined database', () => {
  let postgres: TestPostgres;
  let url: string;
  let db: PipelinedDatabase;
  before(async () => {
    postgres = await startTestPostgres();
    url = await postgres.url('pipelined');
  });
  after(() => postgres.stop());
  beforeEach(() => {
    db = openPipelines({ url, log, statementTimeoutMs: 500, acquireTimeoutMs: 500 });
  });
  afterEach(() => db.close());

  const echo = (n: number) => ({ name: 'echo', text: 'SELECT $1::int AS n', values: [n] });

  it('gives each of many statements at once its own answer', async () => {
    const asked = Array.from({ length: 300 }, (_, n) => n);
    const answers = await Promise.all(asked.map((n) => db.query<{ n: number }>(echo(n))));
    assert.deepEqual(
      answers.map((rows) => rows[0]?.n),
      asked,
    );
  });

  it('uses no more connections than it may', async () => {
    await Promise.all(Array.from({ length: 50 }, (_, n) => db.query(echo(n))));
    const [row] = await db.query<{ n: number }>(
      'SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database()',
    );
    assert.equal(row?.n, 2);
  });

  it('lets a statement fail alone', async () => {
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, (_, n) => db.query(n % 5 === 0 ? 'SELECT 1/0' : echo(n))),
    );
    assert.deepEqual(
      results.map((result) => result.status),
      results.map((_, n) => (n % 5 === 0 ? 'rejected' : 'fulfilled')),
    );
  });

  it('goes on after a statement that took too long', async () => {
    await assert.rejects(db.query('SELECT pg_sleep(5)'), DatabaseAway);
    assert.deepEqual(await db.query(echo(1)), [{ n: 1 }]);
  });

  it('goes on with new connections after the server has come back', async () => {
    await db.query(echo(1));
    await postgres.crash();
    await assert.rejects(db.query(echo(2)), DatabaseAway);
    await postgres.restart();
    const answers = await Promise.all(Array.from({ length: 10 }, (_, n) => db.query(echo(n)).catch(() => null)));
    assert.deepEqual(answers.at(-1), [{ n: 9 }]);
    assert.deepEqual(await db.query(echo(3)), [{ n: 3 }]);
  });

  it('goes on after a migration changed what a prepared statement gives', async () => {
    await db.query('CREATE TABLE grown (a int)');
    const all = { name: 'grown', text: 'SELECT * FROM grown' };
    await Promise.all([db.query(all), db.query(all)]);
    await db.query('ALTER TABLE grown ADD b int');
    await Promise.all([db.query(all), db.query(all), db.query(all)]);
  });

  it('refuses more than may wait', async () => {
    const small = openPipelines({ url, log, connections: 1, pendingMax: 3 });
    const results = await Promise.allSettled(Array.from({ length: 5 }, (_, n) => small.query(echo(n))));
    assert.deepEqual(
      results.map((result) => result.status),
      ['fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'rejected'],
    );
    await small.close();
  });
});
