/** Writes events in the transaction of the change that they tell of. */
import type { EventContract } from '@switchyard/contracts/event';
import type { z } from 'zod';
import { uuidv7 } from '../ids.ts';
import type { Queryable } from '../postgres/database.ts';
import { currentTrace, formatTraceparent } from '../trace.ts';

/** NOTIFY channel by which readers wake. */
export const OUTBOX_CHANNEL = 'event_outbox';

export interface NewEvent<C extends EventContract> {
  /** `/` and the service's name. */
  readonly source: `/${string}`;
  readonly contract: C;
  /** The aggregate's id; 1 to 100 characters. Its events are numbered 1, 2, 3 … */
  readonly subject: string;
  readonly data: z.input<C['data']>;
}

/**
 * Appends one event to the log, as the next version of its subject. Other transactions that append to the same subject wait
 * until this one has ended; append to several subjects in one order everywhere, or expect deadlocks (which are repeated).
 *
 * @throws ZodError when `data` does not keep the contract
 */
export async function appendEvent<C extends EventContract>(tx: Queryable, event: NewEvent<C>): Promise<void> {
  await tx.query({
    name: 'append-event',
    text: `WITH ${appendingEvent(1)} SELECT ${EVENT_APPENDED}`,
    values: eventValues(event),
  });
}

/**
 * `WITH` entries that append an event as part of another statement, which saves a write in one statement its transaction and its
 * round trips. Its parameters are `$first` and the five after it, filled by eventValues(); nothing is appended unless `condition`
 * holds. The statement's own SELECT must ask for EVENT_APPENDED, or nobody is woken.
 */
export const appendingEvent = (first: number, condition = 'true'): string => `event_counter AS (
    INSERT INTO event_subject AS counted (subject, sequence, tx)
    SELECT $${first + 3}::text, 1, pg_current_xact_id() WHERE ${condition}
    ON CONFLICT (subject) DO UPDATE
      SET sequence = counted.sequence + 1, tx = greatest(counted.tx, excluded.tx)
    RETURNING sequence, tx
  ), event_appended AS (
    INSERT INTO event_outbox (tx, event_id, source, type, subject, sequence, time, traceparent, data)
    SELECT tx, $${first}::uuid, $${first + 1}::text, $${first + 2}::text, $${first + 3}::text, sequence, clock_timestamp(),
      $${first + 4}::text, $${first + 5}::jsonb
    FROM event_counter
    RETURNING 1
  )`;

/** SQL expression for the SELECT of a statement with appendingEvent(). */
export const EVENT_APPENDED = `(SELECT pg_notify('${OUTBOX_CHANNEL}', '')::text FROM event_appended)`;

/**
 * What the parameters of appendingEvent() stand for.
 *
 * @throws ZodError when `data` does not keep the contract
 */
export function eventValues<C extends EventContract>(event: NewEvent<C>): unknown[] {
  const data = event.contract.data.parse(event.data);
  const trace = currentTrace();
  return [
    uuidv7(),
    event.source,
    event.contract.type,
    event.subject,
    trace === undefined ? null : formatTraceparent(trace),
    JSON.stringify(data),
  ];
}

/**
 * Erases the payloads (`data` becomes null) of every event of these subjects, those of transactions under way included:
 * it waits for them. Append the event that tells of the deletion afterwards, so that it keeps its own.
 */
export async function eraseEvents(tx: Queryable, subjects: readonly string[]): Promise<void> {
  await tx.query('SELECT 1 FROM event_subject WHERE subject = ANY($1) ORDER BY subject FOR UPDATE', [subjects]);
  await tx.query('UPDATE event_outbox SET data = NULL WHERE subject = ANY($1) AND data IS NOT NULL', [subjects]);
}
