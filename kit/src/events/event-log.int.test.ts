/** Proves that the log loses, repeats and reorders nothing under concurrent writers. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { cloudEvent } from '@switchyard/contracts/event';
import type { EventContracts, EventPage } from '@switchyard/contracts/event';
import { z } from 'zod';
import { Refusal } from '../errors.ts';
import { createLogger } from '../log.ts';
import { openDatabase } from '../postgres/database.ts';
import type { Database, Queryable } from '../postgres/database.ts';
import { migrate } from '../postgres/migrate.ts';
import { startTestPostgres } from '../postgres/test-server.ts';
import type { TestPostgres } from '../postgres/test-server.ts';
import { EventLog } from './event-log.ts';
import type { ReadEvents } from './event-log.ts';
import { eventMigrations } from './migrations.ts';
import { appendEvent, eraseEvents } from './outbox.ts';

const log = createLogger({ service: 'test', level: 'silent' });
const teaEvents = {
  brewed: { type: 'tea.pot.brewed.v1', summary: '', subject: 'pot', data: z.object({ leaf: z.string().max(20) }) },
} as const satisfies EventContracts;

describe('the log of events', () => {
  let postgres: TestPostgres;
  let db: Database;
  let events: EventLog;
  before(async () => {
    postgres = await startTestPostgres();
    db = openDatabase({ url: await postgres.url('tea'), log });
    await migrate(db, [eventMigrations], log);
    events = new EventLog(db);
  });
  after(async () => {
    await events.close();
    await db.close();
    await postgres.stop();
  });

  const append = (tx: Queryable, subject: string, leaf = 'oolong') =>
    appendEvent(tx, { source: '/tea', contract: teaEvents.brewed, subject, data: { leaf } });
  const read = async (options: Partial<ReadEvents> = {}): Promise<EventPage> => {
    const page = await events.read({ after: '', limit: 100, waitMs: 0, ...options });
    assert.ok(!(page instanceof Refusal));
    return page;
  };
  const end = async () => (await read({ limit: 1_000 })).cursor;
  const subjectsOf = (page: EventPage) => page.events.map((event) => event.subject);

  it('has an event as a CloudEvent once its transaction is committed, and never when that was rolled back', async () => {
    const after_ = await end();
    await db.transaction((tx) => append(tx, 'kept'));
    await assert.rejects(
      db.transaction(async (tx) => {
        await append(tx, 'lost');
        throw new Error('no');
      }),
    );
    const page = await read({ after: after_ });
    assert.deepEqual(subjectsOf(page), ['kept']);
    const event = cloudEvent.parse(page.events[0]);
    assert.deepEqual(
      [event.type, event.source, event.sequence, event.data],
      ['tea.pot.brewed.v1', '/tea', 1, { leaf: 'oolong' }],
    );
  });

  it('takes no event that breaks its contract, and the change goes with it', async () => {
    const after_ = await end();
    await assert.rejects(
      db.transaction((tx) => append(tx, 'x', 'x'.repeat(21))),
      z.ZodError,
    );
    assert.deepEqual(subjectsOf(await read({ after: after_ })), []);
  });

  it('does not pass over the event of a slow transaction that began first', async () => {
    const after_ = await end();
    const slow = await db.session();
    await slow.query('BEGIN');
    await append(slow, 'slow');
    await db.transaction((tx) => append(tx, 'quick'));
    const early = await read({ after: after_ });
    assert.deepEqual(
      subjectsOf(early),
      [],
      'the quick one waits, else the slow one would come before it, and be passed over',
    );
    await slow.query('COMMIT');
    await slow.close();
    assert.deepEqual(subjectsOf(await read({ after: early.cursor })), ['slow', 'quick']);
  });

  it('a waiting reader gets events as soon as the transaction that held them back has ended', async () => {
    const after_ = await end();
    const other = await db.session();
    await other.query('BEGIN');
    await other.query('SELECT pg_current_xact_id()');
    const page = read({ after: after_, waitMs: 20_000 });
    await db.transaction((tx) => append(tx, 'held'));
    await other.query('ROLLBACK');
    await other.close();
    assert.deepEqual(subjectsOf(await page), ['held']);
  });

  it('numbers the events of a subject without a gap, also when many append to it at once and some roll back', async () => {
    const after_ = await end();
    await Promise.allSettled(
      Array.from({ length: 40 }, (_, n) =>
        db.transaction(async (tx) => {
          await append(tx, 'busy');
          if (n % 4 === 0) throw new Error('no');
        }),
      ),
    );
    const page = await read({ after: after_ });
    assert.deepEqual(
      page.events.map((event) => event.sequence),
      Array.from({ length: 30 }, (_, n) => n + 1),
    );
  });

  it('keeps the order of a subject when an older transaction had to wait for a younger one', async () => {
    const after_ = await end();
    const older = await db.session();
    await older.query('BEGIN');
    await older.query('SELECT pg_current_xact_id()');
    await db.transaction((tx) => append(tx, 'contended', 'younger'));
    await append(older, 'contended', 'older');
    await older.query('COMMIT');
    await older.close();
    const page = await read({ after: after_ });
    assert.deepEqual(
      page.events.map((event) => [event.sequence, event.data]),
      [
        [1, { leaf: 'younger' }],
        [2, { leaf: 'older' }],
      ],
    );
  });

  it('loses and repeats nothing for a reader that follows while many write, with transactions ending in any order', async () => {
    let cursor = await end();
    const seen: string[] = [];
    let isWriting = true;
    const writing = Promise.all(
      Array.from({ length: 4 }, async (_, writer) => {
        for (let n = 0; n < 25; n++)
          await db.transaction(async (tx) => {
            await append(tx, `s${writer}-${n % 3}`);
            await tx.query('SELECT pg_sleep($1)', [Math.random() / 200]);
            await append(tx, `t${writer}-${n}`);
          });
      }),
    ).then(() => (isWriting = false));
    for (;;) {
      const last = !isWriting;
      const page = await read({ after: cursor, limit: 7, waitMs: 50 });
      seen.push(...page.events.map((event) => `${event.subject} ${event.sequence}`));
      cursor = page.cursor;
      if (last && page.events.length === 0) break;
    }
    await writing;
    assert.equal(seen.length, 4 * 25 * 2);
    assert.equal(new Set(seen).size, seen.length);
    const last = new Map<string, number>();
    for (const [subject, sequence] of seen.map((one) => one.split(' ') as [string, string])) {
      assert.equal(Number(sequence), (last.get(subject) ?? 0) + 1, subject);
      last.set(subject, Number(sequence));
    }
  });

  it('wakes every waiting reader, over one connection', async () => {
    const after_ = await end();
    const pages = Array.from({ length: 10 }, () => read({ after: after_, waitMs: 20_000 }));
    await db.transaction((tx) => append(tx, 'woken'));
    for (const page of await Promise.all(pages)) assert.deepEqual(subjectsOf(page), ['woken']);
    const [listening] = await db.query<{ n: number }>(
      `SELECT count(*) AS n FROM pg_stat_activity WHERE query LIKE 'LISTEN%'`,
    );
    assert.equal(listening?.n, 1);
  });

  it('ends a wait with an empty page when time is up, or when it is told to', async () => {
    const after_ = await end();
    assert.deepEqual(await read({ after: after_, waitMs: 1 }), { events: [], cursor: after_ });
    const stop = new AbortController();
    const waiting = read({ after: after_, waitMs: 20_000, signal: stop.signal });
    setImmediate(() => stop.abort());
    assert.deepEqual(await waiting, { events: [], cursor: after_ });
  });

  it('pages by cursors that stand for single events', async () => {
    const all = await read({ limit: 1_000 });
    const ids = [];
    for (let cursor = ''; ;) {
      const page = await read({ after: cursor, limit: 7 });
      if (page.events.length === 0) break;
      ids.push(...page.events.map((event) => event.id));
      cursor = page.events.at(-1)!.cursor;
    }
    assert.deepEqual(
      ids,
      all.events.map((event) => event.id),
    );
  });

  it('refuses cursors that were never issued', async () => {
    for (const after of ['x', '1', '1-', '-1-2', '1-2-3', '01-2', '9999999999-1', "1-1'", '99999999999999999999-1']) {
      const page = await events.read({ after, limit: 1, waitMs: 0 });
      assert.ok(page instanceof Refusal && page.error.code === 'REQUEST_CURSOR_INVALID', after);
    }
  });

  it('erases the payloads of a subject, those of transactions under way included, and keeps the rest', async () => {
    const after_ = await end();
    await db.transaction((tx) => append(tx, 'erased'));
    const writing = await db.session();
    await writing.query('BEGIN');
    await append(writing, 'erased');
    const erased = db.transaction(async (tx) => {
      await eraseEvents(tx, ['erased', 'unknown']);
      await append(tx, 'erased', 'told afterwards');
    });
    await waitsForLock(db);
    await writing.query('COMMIT');
    await writing.close();
    await erased;
    await db.transaction((tx) => append(tx, 'other'));
    const page = await read({ after: after_ });
    assert.deepEqual(
      page.events.map((event) => event.data),
      [null, null, { leaf: 'told afterwards' }, { leaf: 'oolong' }],
    );
  });
});

/** Resolves when somebody waits for a lock. */
async function waitsForLock(db: Database): Promise<void> {
  for (;;) {
    const rows = await db.query(`SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'`);
    if (rows.length > 0) return;
  }
}
