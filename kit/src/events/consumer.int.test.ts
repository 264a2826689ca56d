/** Proves that a consumer applies each event once and in order, whatever comes and whoever is killed. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { CloudEvent } from '@switchyard/contracts/event';
import { createLogger } from '../log.ts';
import { createMetrics } from '../metrics.ts';
import { openDatabase } from '../postgres/database.ts';
import type { Database } from '../postgres/database.ts';
import { migrate } from '../postgres/migrate.ts';
import { startTestPostgres } from '../postgres/test-server.ts';
import type { TestPostgres } from '../postgres/test-server.ts';
import { EventConsumer } from './consumer.ts';
import type { EventConsumerOptions } from './consumer.ts';
import { listDeadLetters } from './dead-letters.ts';
import type { EventTransport, Subscription } from './event-transport.ts';
import { forgetEvents } from './forget-events.ts';
import { eventMigrations } from './migrations.ts';
import { batches, eventOf, INSERT, teaEvents } from './tea-consumer.ts';
import type { Tea } from './tea-consumer.ts';

const log = createLogger({ service: 'test', level: process.env['SHOW'] ?? 'silent' });

/** A log to which events are added while it is read. Cursors count them. */
class Faucet implements EventTransport {
  private readonly events: CloudEvent[] = [];
  private added = Promise.withResolvers<void>();
  private readonly takers = new Map<CloudEvent, () => void>();

  async subscribe({ after: from, onEvents, signal }: Subscription): Promise<void> {
    const stopped = once(signal, 'abort');
    for (let index = Number(from); !signal.aborted;) {
      const event = this.events[index];
      const added = this.added.promise;
      if (event === undefined) {
        await onEvents({ events: [], cursor: String(index) });
        await Promise.race([added, stopped]);
      } else {
        await onEvents({ events: [event], cursor: String(++index) });
        this.takers.get(event)?.();
      }
    }
  }

  /** Resolves when somebody has taken it. */
  taken(event: CloudEvent): Promise<void> {
    const taken = Promise.withResolvers<void>();
    this.takers.set(event, taken.resolve);
    this.events.push(event);
    this.added.resolve();
    this.added = Promise.withResolvers();
    return taken.promise;
  }
}

describe('an event consumer', () => {
  let postgres: TestPostgres;
  let url: string;
  let db: Database;
  before(async () => {
    postgres = await startTestPostgres();
    url = await postgres.url('guests');
    db = openDatabase({ url, log });
    await migrate(db, [eventMigrations], log);
    await db.query('CREATE TABLE poured (applied bigserial, subject text, sequence bigint)');
  });
  beforeEach(() => db.query('TRUNCATE poured, event_cursor, event_inbox, event_parked, event_dead_letter'));
  after(async () => {
    await db.close();
    await postgres.stop();
  });

  /** Consumes until caught up; what was given to `apply` that stayed, and what is in the inbox then. */
  const consume = async (transport: EventTransport, options: Partial<EventConsumerOptions<typeof teaEvents>> = {}) => {
    const consumer = new EventConsumer({
      db,
      transport,
      producer: 'tea',
      contracts: teaEvents,
      apply: async (tx, event) => void (await tx.query(INSERT, [event.subject, event.sequence])),
      log,
      retryPausesMs: [1],
      ...options,
    });
    consumer.start();
    await consumer.caughtUp();
    await consumer.stop();
    const rows = await db.query<{ subject: string; sequence: number }>('SELECT * FROM poured ORDER BY applied');
    return rows.map(({ subject, sequence }) => `${subject} ${sequence}`);
  };
  const count = async (table: string) => (await db.query<{ n: number }>(`SELECT count(*) AS n FROM ${table}`))[0]!.n;

  it('applies what comes twice once, in one batch, in another, and after a restart', async () => {
    const [one, two] = [eventOf('a', 1), eventOf('a', 2)];
    assert.deepEqual(await consume(batches([one, one, two], [two, one])), ['a 1', 'a 2']);
    assert.deepEqual(await consume(batches([one, one, two], [two, one], [one, two, eventOf('a', 3)])), [
      'a 1',
      'a 2',
      'a 3',
    ]);
  });

  it('parks what comes early, over batches and restarts, and applies it in its turn', async () => {
    const first = [[eventOf('a', 3), eventOf('b', 1)], [eventOf('a', 2)]];
    assert.deepEqual(await consume(batches(...first)), ['b 1']);
    assert.equal(await count('event_parked'), 2);
    assert.deepEqual(await consume(batches(...first, [eventOf('a', 4), eventOf('a', 1)])), [
      'b 1',
      'a 1',
      'a 2',
      'a 3',
      'a 4',
    ]);
    assert.equal(await count('event_parked'), 0);
  });

  it('passes types over that it does not know, without losing its place', async () => {
    const unknown = eventOf('a', 2, { type: 'tea.pot.exploded.v9', data: { loud: true } });
    assert.deepEqual(await consume(batches([eventOf('a', 1), unknown, eventOf('a', 3)])), ['a 1', 'a 3']);
  });

  it('gives parsed data, null once they were erased, and the trace of the event', async () => {
    const given: Tea[] = [];
    const erased = eventOf('a', 2, { data: null });
    const poured = eventOf('a', 3, { type: 'tea.pot.poured.v1', data: { cups: 3, more: 'unknown' } });
    await consume(batches([eventOf('a', 1), erased, poured]), { apply: async (_tx, event) => void given.push(event) });
    assert.deepEqual(
      given.map((event) => event.data),
      [{ leaf: 'a 1' }, null, { cups: 3 }],
    );
  });

  it('makes a dead letter of data that break their contract, at once', async () => {
    const broken = eventOf('a', 2, { data: { leaf: 7 } });
    assert.deepEqual(await consume(batches([eventOf('a', 1), broken, eventOf('a', 3), eventOf('b', 1)])), [
      'a 1',
      'b 1',
    ]);
    const [letter] = await listDeadLetters(db);
    assert.deepEqual([letter?.sequence, letter?.attempts, letter?.parked], [2, 1, 1]);
  });

  it('tries a failing event again, and it alone holds its subject back meanwhile', async () => {
    let failures = 2;
    const seen: string[] = [];
    const applied = await consume(batches([eventOf('a', 1), eventOf('a', 2), eventOf('b', 1)]), {
      retryPausesMs: [1, 1, 1],
      apply: async (tx, event) => {
        seen.push(event.id);
        await tx.query(INSERT, [event.subject, event.sequence]);
        if (event.id === 'a-1' && failures-- > 0) throw new Error('not yet');
      },
    });
    assert.deepEqual(applied.toSorted(), ['a 1', 'a 2', 'b 1']);
    assert.equal(await count('event_dead_letter'), 0);
    assert.equal(seen.filter((id) => id === 'a-2').length, 1);
  });

  it('keeps an event that fails when its turn comes after it was parked', async () => {
    let isPoisonous = true;
    const apply: EventConsumerOptions<typeof teaEvents>['apply'] = async (tx, event) => {
      if (event.id === 'a-2' && isPoisonous) throw new Error('bad leaf');
      await tx.query(INSERT, [event.subject, event.sequence]);
    };
    assert.deepEqual(await consume(batches([eventOf('a', 2)], [eventOf('a', 1), eventOf('a', 3)]), { apply }), ['a 1']);
    assert.deepEqual([await count('event_dead_letter'), await count('event_parked')], [1, 1]);
    isPoisonous = false;
    await db.query(`INSERT INTO event_parked (producer, subject, sequence, event)
      SELECT producer, subject, sequence, event FROM event_dead_letter`);
    await db.query('TRUNCATE event_dead_letter');
    assert.deepEqual(
      await consume(batches([], []), { apply }),
      ['a 1', 'a 2', 'a 3'],
      'a replay before the start is found at the start',
    );
  });

  it('leaves no half of a batch behind when its last event fails', async () => {
    const failing: EventConsumerOptions<typeof teaEvents>['apply'] = async (tx, event) => {
      await tx.query(INSERT, [event.subject, event.sequence]);
      if (event.subject === 'b') throw new Error('no');
    };
    assert.deepEqual(await consume(batches([eventOf('a', 1), eventOf('b', 1)]), { apply: failing }), ['a 1']);
  });

  it('lets one of many consumers of a database be active, and another go on when that one has gone', async () => {
    const metrics = [createMetrics(), createMetrics(), createMetrics()];
    const active = async () => {
      const texts = await Promise.all(metrics.map((each) => each.getSingleMetricAsString('event_consumer_active')));
      return texts.map((text) => /producer="tea"} 1/.test(text));
    };
    const consumers = metrics.map(
      (each) =>
        new EventConsumer({
          db,
          transport: batches([eventOf('a', 1)]),
          producer: 'tea',
          contracts: teaEvents,
          apply: async (tx, event) => void (await tx.query(INSERT, [event.subject, event.sequence])),
          log,
          metrics: each,
        }),
    );
    for (const consumer of consumers) consumer.start();
    for (let left = consumers.length; left > 0; left--) {
      await Promise.any(consumers.map((consumer) => consumer.caughtUp()));
      const is = await active();
      assert.equal(is.filter(Boolean).length, 1);
      const leader = is.indexOf(true);
      await consumers[leader]!.stop();
      metrics.splice(leader, 1);
      consumers.splice(leader, 1);
    }
    assert.equal(await count('poured'), 1);
  });

  it('leaves events to the live deployment, from either side of a swap and back, each event once', async () => {
    let live = 'old';
    const pot = new Faucet();
    const sides = ['old', 'new'].map(
      (side) =>
        new EventConsumer({
          db,
          transport: pot,
          producer: 'tea',
          contracts: teaEvents,
          apply: async (tx, event) => void (await tx.query(INSERT, [`${event.subject} by ${side}`, event.sequence])),
          standsBack: () => live !== side,
          log,
        }),
    );
    for (const side of sides.toReversed()) side.start();
    for (const [index, side] of ['old', 'new', 'old'].entries()) {
      live = side;
      await sides[side === 'old' ? 0 : 1]!.caughtUp();
      await pot.taken(eventOf('a', index + 1));
    }
    for (const side of sides) await side.stop();
    const rows = await db.query<{ subject: string; sequence: number }>('SELECT * FROM poured ORDER BY applied');
    assert.deepEqual(
      rows.map(({ subject, sequence }) => `${sequence} ${subject}`),
      ['1 a by old', '2 a by new', '3 a by old'],
    );
  });

  for (const [where, stopAt] of [
    ['between two batches', 20],
    ['in the middle of one', 15],
  ] as const)
    it(`goes on where a process was stopped (SIGSTOP) ${where}; that one finds it done when it comes back`, async () => {
      const child = spawn(process.execPath, [fileURLToPath(import.meta.resolve('./tea-consumer.js'))], {
        env: { ...process.env, CONSUME_FROM: url, CONSUME_TOTAL: '60', CONSUME_STOP_AT: String(stopAt) },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const ended = once(child, 'close');
      try {
        let said = '';
        for await (const text of child.stdout.setEncoding('utf8')) if ((said += String(text)).length >= stopAt) break;
        const all = Array.from({ length: 60 }, (_, n) => eventOf('abc'[n % 3]!, Math.floor(n / 3) + 1));
        await consume(batches(...Array.from({ length: 6 }, (_, n) => all.slice(n * 10, n * 10 + 10))));
        assert.equal(await count('poured'), 60);
        child.kill('SIGCONT');
        assert.deepEqual(await ended, [0, null]);
      } finally {
        child.kill('SIGKILL');
      }
      assert.equal(await count('(SELECT DISTINCT subject, sequence FROM poured)'), 60);
      assert.equal(await count('poured'), 60);
    });

  it('gives up its term when somebody else has moved the cursor, and goes on from there', async () => {
    const moved = Promise.withResolvers<void>();
    const transport: EventTransport = {
      subscribe: async (subscription) => {
        if (subscription.after === '') {
          await db.query(`UPDATE event_cursor SET cursor = '1'`);
          moved.resolve();
        }
        await batches([eventOf('a', 1)], [eventOf('b', 1)]).subscribe(subscription);
      },
    };
    assert.deepEqual(await consume(transport), ['b 1']);
    await moved.promise;
  });

  it('builds the projection again from the beginning of the log, while it runs', async () => {
    const log_ = [[eventOf('a', 1), eventOf('b', 1)], [eventOf('a', 2)], [eventOf('a', 3)]];
    let hasForgotten = false;
    const apply: EventConsumerOptions<typeof teaEvents>['apply'] = async (tx, event) => {
      await tx.query(INSERT, [event.subject, event.sequence]);
    };
    const transport: EventTransport = {
      subscribe: (subscription) =>
        batches(...log_).subscribe({
          ...subscription,
          onEvents: async (batch) => {
            if (batch.cursor === '3' && !hasForgotten) {
              hasForgotten = true;
              await db.transaction(async (tx) => {
                await forgetEvents(tx, 'tea');
                await tx.query('TRUNCATE poured');
              });
            }
            await subscription.onEvents(batch);
          },
        }),
    };
    assert.deepEqual(await consume(transport, { apply }), ['a 1', 'b 1', 'a 2', 'a 3']);
    assert.ok(hasForgotten);
  });

  it('counts what becomes of events, and is behind only while it works at one', async () => {
    const metrics = createMetrics();
    const lags: string[] = [];
    await consume(
      batches([eventOf('a', 1), eventOf('a', 1), eventOf('a', 3), eventOf('x', 1, { type: 'tea.pot.lost.v1' })]),
      {
        metrics,
        apply: async () => void lags.push(await metrics.getSingleMetricAsString('event_consumer_lag_seconds')),
      },
    );
    assert.match(lags[0]!, /\{producer="tea"\} [1-9]/);
    assert.match(await metrics.getSingleMetricAsString('event_consumer_lag_seconds'), /\{producer="tea"\} 0/);
    const counted = await metrics.getSingleMetricAsString('event_consumer_events_total');
    for (const outcome of ['applied', 'duplicate', 'parked', 'unknown'])
      assert.match(counted, new RegExp(`outcome="${outcome}"\\} 1\\n?`), outcome);
    assert.match(await metrics.getSingleMetricAsString('event_consumer_parked'), /\{producer="tea"\} 1/);
  });

  it('applies nothing twice and loses nothing when its process is killed (kill -9) in the middle of batches', async () => {
    const total = 60;
    let kills = 0;
    for (let starts = 0; (await count('poured')) < total; starts++) {
      assert.ok(starts < 40);
      const child = spawn(process.execPath, [fileURLToPath(import.meta.resolve('./tea-consumer.js'))], {
        env: { ...process.env, CONSUME_FROM: url, CONSUME_TOTAL: String(total) },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let said = '';
      const applied = 11 + starts * 5;
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        said += text;
        if (said.length >= applied) child.kill('SIGKILL');
      });
      const [, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
      if (signal === 'SIGKILL') kills++;
    }
    assert.ok(kills >= 2, `killed ${kills} times`);
    const rows = await db.query<{ subject: string; sequences: number[] }>(
      'SELECT subject, array_agg(sequence ORDER BY applied) AS sequences FROM poured GROUP BY subject ORDER BY subject',
    );
    const twenty = Array.from({ length: 20 }, (_, n) => n + 1);
    assert.deepEqual(
      rows.map(({ sequences }) => sequences),
      [twenty, twenty, twenty],
    );
  });
});
