/** The inbox's half of a rebuild: everything of a producer is to come again, from the beginning of its log. */
import type { Queryable } from '../postgres/database.ts';
import { REPLAY_CHANNEL } from './dead-letters.ts';

/**
 * Empty the projection in the same transaction. A running consumer is told that its cursor was moved and begins again; while it
 * works the log off, readers see a projection that is behind. Payloads that were erased come as null.
 */
export async function forgetEvents(tx: Queryable, producer: string): Promise<void> {
  await tx.query('SELECT 1 FROM event_cursor WHERE producer = $1 FOR UPDATE', [producer]); // waits for the batch under way
  await tx.query(`UPDATE event_cursor SET cursor = '', updated_at = now() WHERE producer = $1`, [producer]);
  for (const table of ['event_inbox', 'event_parked', 'event_dead_letter'])
    await tx.query(`DELETE FROM ${table} WHERE producer = $1`, [producer]);
  await tx.query(`SELECT pg_notify('${REPLAY_CHANNEL}', $1)`, [producer]);
}
