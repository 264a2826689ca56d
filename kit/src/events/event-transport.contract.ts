/** What every EventTransport must do: each adapter runs this suite, against its real server. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { CloudEvent, EventContracts } from '@switchyard/contracts/event';
import { z } from 'zod';
import { createLogger } from '../log.ts';
import type { Database } from '../postgres/database.ts';
import { EventConsumer } from './consumer.ts';
import type { Apply, EventConsumerOptions } from './consumer.ts';
import { listDeadLetters, replayDeadLetters } from './dead-letters.ts';
import type { EventBatch, EventTransport } from './event-transport.ts';

/** The events that the suite publishes: notes on a subject. */
export const contractEvents = {
  noted: {
    type: 'contract.note.taken.v1',
    summary: 'A note was taken',
    subject: 'any',
    data: z.object({ note: z.string() }),
  },
} as const satisfies EventContracts;

export interface Note {
  readonly subject: string;
  readonly note: string;
}

/** An adapter with a producer that nobody has published by yet, and a consumer's database with the event tables. */
export interface TransportUnderTest {
  readonly producer: string;
  readonly db: Database;
  transport(): EventTransport;
  /** Publishes notes, each as the next version of its subject, in this order; the producer need not be up. */
  publish(notes: readonly Note[]): Promise<void>;
  /** The producer, or the server between, is killed; `producerBack` starts it again, elsewhere if that can be. */
  producerAway(): Promise<void>;
  producerBack(): Promise<void>;
  close(): Promise<void>;
}

const log = createLogger({ service: 'contract', level: 'silent' });
const DEADLINE_MS = 20_000;

export function eventTransportContract(name: string, start: () => Promise<TransportUnderTest>): void {
  describe(`${name} keeps the contract of event transports`, () => {
    let one: TransportUnderTest;
    before(async () => {
      one = await start();
    });
    after(() => one.close());
    ordersAndResumes(() => one);
    appliesOnce(() => one);
    buriesPoison(() => one);
  });
}

function ordersAndResumes(one: () => TransportUnderTest): void {
  it('delivers every event, each subject in its order', async () => {
    const notes = numbered('a', 5).flatMap((note, index) => [note, numbered('b', 5)[index]!]);
    await one().publish(notes);
    const { events } = await collected(one(), '', (all) => all.length >= 10);
    for (const subject of ['a', 'b']) {
      const theirs = distinct(events).filter((event) => event.subject === subject);
      assert.deepEqual(
        theirs.map((event) => event.sequence),
        [1, 2, 3, 4, 5],
      );
      assert.deepEqual(
        theirs.map((event) => (event.data as { note: string }).note),
        numbered(subject, 5).map(({ note }) => note),
      );
    }
  });

  it('goes on from a cursor, and delivers again what was not taken', async () => {
    const { cursor } = await collected(one(), '', (all) => all.length >= 10);
    await one().publish([{ subject: 'c', note: 'new' }]);
    const refused = new Error('not taken');
    await assert.rejects(
      one()
        .transport()
        .subscribe({
          producer: one().producer,
          after: cursor,
          signal: AbortSignal.timeout(DEADLINE_MS),
          onEvents: (batch) => (batch.events.length === 0 ? Promise.resolve() : Promise.reject(refused)),
        }),
      refused,
    );
    const { events } = await collected(one(), cursor, (all) => all.some((event) => event.subject === 'c'));
    if (cursor !== '')
      assert.deepEqual(
        events.map((event) => event.subject),
        ['c'],
      );
  });

  it('ends when it is told to while it waits for events', async () => {
    const { cursor } = await collected(one(), '', (all) => all.some((event) => event.subject === 'c'));
    const stop = new AbortController();
    const subscribed = one()
      .transport()
      .subscribe({
        producer: one().producer,
        after: cursor,
        signal: stop.signal,
        onEvents: () => Promise.resolve(),
      });
    setImmediate(() => stop.abort());
    await subscribed;
  });

  it('waits for a producer that is away, and delivers what was published meanwhile', async () => {
    await one().producerAway();
    const arrived = collected(one(), '', (all) => all.some((event) => event.subject === 'd'));
    await one().publish([{ subject: 'd', note: 'while away' }]);
    await one().producerBack();
    await arrived;
  });
}

function appliesOnce(one: () => TransportUnderTest): void {
  it('through the consumer, applies each event once, though its connection is killed again and again in mid-batch', async () => {
    const book = await notebook(one().db, 'killed');
    await one().publish(numbered('k1', 40).flatMap((note, index) => [note, numbered('k2', 40)[index]!]));
    let untilKill = 7;
    const consumer = consuming(one(), async (tx, event) => {
      await book.apply(tx, event);
      if (--untilKill === 0) {
        untilKill = 23;
        await tx.query('SELECT pg_terminate_backend(pg_backend_pid())').catch(() => {});
      }
    });
    await book.holds('k1', 40);
    await book.holds('k2', 40);
    await consumer.stop();
    await book.isInOrder();
  });

  it('through the consumer, applies each event once, though another process takes over and the producer restarts', async () => {
    const book = await notebook(one().db, 'taken over');
    const first = consuming(one(), book.apply);
    const second = consuming(one(), book.apply);
    await one().publish(numbered('t1', 20));
    await book.holds('t1', 20);
    await one().producerAway();
    await one().publish(numbered('t2', 20));
    await first.stop();
    await one().producerBack();
    await book.holds('t2', 20);
    await second.stop();
    await book.isInOrder();
  });
}

function buriesPoison(one: () => TransportUnderTest): void {
  it('through the consumer, sets an event aside that cannot be applied, holds back its subject alone, and replays it in order', async () => {
    const book = await notebook(one().db, 'poisoned');
    let isPoisonous = true;
    const consumer = consuming(one(), async (tx, event) => {
      if (isPoisonous && event.data?.note === 'p1 2') await tx.query('SELECT 1/0');
      await book.apply(tx, event);
    });
    await one().publish(numbered('p1', 4).flatMap((note, index) => [note, numbered('p2', 4)[index]!]));
    await book.holds('p2', 4);
    await book.holds('p1', 1);
    await book.eventually(async () => (await listDeadLetters(one().db, { producer: one().producer })).length === 1);
    const [letter] = await listDeadLetters(one().db, { producer: one().producer });
    assert.deepEqual([letter?.subject, letter?.sequence, letter?.parked], ['p1', 2, 2]);
    assert.match(letter?.error ?? '', /division by zero/);
    isPoisonous = false;
    assert.equal(await replayDeadLetters(one().db, { producer: one().producer }), 1);
    await book.holds('p1', 4);
    assert.deepEqual(await listDeadLetters(one().db), []);
    await consumer.stop();
    await book.isInOrder();
  });
}

/** `subject 1`, `subject 2`, … */
const numbered = (subject: string, count: number): Note[] =>
  Array.from({ length: count }, (_, index) => ({ subject, note: `${subject} ${index + 1}` }));

const distinct = (events: readonly CloudEvent[]): CloudEvent[] => [
  ...new Map(events.map((event) => [event.id, event])).values(),
];

/** Subscribes until `enough`, or fails after 20 s. */
async function collected(
  one: TransportUnderTest,
  after: string,
  enough: (events: readonly CloudEvent[]) => boolean,
): Promise<EventBatch> {
  const stop = new AbortController();
  const events: CloudEvent[] = [];
  let cursor = after;
  await one.transport().subscribe({
    producer: one.producer,
    after,
    signal: AbortSignal.any([stop.signal, AbortSignal.timeout(DEADLINE_MS)]),
    onEvents: (batch) => {
      events.push(...batch.events);
      cursor = batch.cursor;
      if (enough(distinct(events))) stop.abort();
      return Promise.resolve();
    },
  });
  assert.ok(stop.signal.aborted, `not delivered in time; delivered: ${events.length}`);
  return { events, cursor };
}

type Contracts = typeof contractEvents;

/** A projection that shows what was applied twice or out of order: one row an application, in its order. */
async function notebook(db: Database, name: string) {
  const table = `notebook_${name.replaceAll(' ', '_')}`;
  await db.query(`CREATE TABLE ${table} (applied bigserial, subject text, sequence bigint, note text)`);
  await db.query('TRUNCATE event_cursor, event_inbox, event_parked, event_dead_letter');
  const apply: Apply<Contracts> = async (tx, event) => {
    await tx.query(`INSERT INTO ${table} (subject, sequence, note) VALUES ($1, $2, $3)`, [
      event.subject,
      event.sequence,
      event.data?.note,
    ]);
  };
  const eventually = async (is: () => Promise<boolean>) => {
    const deadline = performance.now() + DEADLINE_MS;
    while (!(await is())) {
      assert.ok(performance.now() < deadline, 'not in time');
      await db.query('SELECT pg_sleep(0.01)');
    }
  };
  return {
    apply,
    eventually,
    holds: (subject: string, count: number) =>
      eventually(async () => {
        const [row] = await db.query<{ n: number }>(`SELECT count(*) AS n FROM ${table} WHERE subject = $1`, [subject]);
        return row!.n >= count;
      }),
    isInOrder: async () => {
      const rows = await db.query<{ subject: string; sequences: number[] }>(
        `SELECT subject, array_agg(sequence ORDER BY applied) AS sequences FROM ${table} GROUP BY subject`,
      );
      for (const { subject, sequences } of rows)
        assert.deepEqual(
          sequences,
          sequences.map((_, index) => index + 1),
          subject,
        );
    },
  };
}

function consuming(one: TransportUnderTest, apply: Apply<Contracts>): EventConsumer<Contracts> {
  const options: EventConsumerOptions<Contracts> = {
    db: one.db,
    transport: one.transport(),
    producer: one.producer,
    contracts: contractEvents,
    apply,
    log,
    retryPausesMs: [1, 1],
  };
  const consumer = new EventConsumer(options);
  consumer.start();
  return consumer;
}
