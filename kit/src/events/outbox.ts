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
  const data = event.contract.data.parse(event.data);
  const trace = currentTrace();
  await tx.query({
    name: 'append-event',
    text: `WITH counter AS (
        INSERT INTO event_subject AS counted (subject, sequence, tx) VALUES ($4, 1, pg_current_xact_id())
        ON CONFLICT (subject) DO UPDATE
          SET sequence = counted.sequence + 1, tx = greatest(counted.tx, excluded.tx)
        RETURNING sequence, tx
      ), appended AS (
        INSERT INTO event_outbox (tx, event_id, source, type, subject, sequence, time, traceparent, data)
        SELECT tx, $1, $2, $3, $4, sequence, clock_timestamp(), $5, $6 FROM counter
        RETURNING 1
      )
      SELECT pg_notify('${OUTBOX_CHANNEL}', '') FROM appended`,
    values: [
      uuidv7(),
      event.source,
      event.contract.type,
      event.subject,
      trace === undefined ? null : formatTraceparent(trace),
      JSON.stringify(data),
    ],
  });
}

/**
 * Erases the payloads (`data` becomes null) of every event of these subjects, those of transactions under way included:
 * it waits for them. Append the event that tells of the deletion afterwards, so that it keeps its own.
 */
export async function eraseEvents(tx: Queryable, subjects: readonly string[]): Promise<void> {
  await tx.query('SELECT 1 FROM event_subject WHERE subject = ANY($1) ORDER BY subject FOR UPDATE', [subjects]);
  await tx.query('UPDATE event_outbox SET data = NULL WHERE subject = ANY($1) AND data IS NOT NULL', [subjects]);
}
