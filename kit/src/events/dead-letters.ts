/** Events that could not be applied: to see, and to try again once the reason is gone. */
import type { CloudEvent } from '@switchyard/contracts/event';
import type { Database, Queryable } from '../postgres/database.ts';

/** NOTIFY channel by which the active consumer, in whatever process it is, hears of a replay. */
export const REPLAY_CHANNEL = 'event_replay';

export interface DeadLetter {
  readonly producer: string;
  readonly subject: string;
  readonly sequence: number;
  readonly event: CloudEvent;
  /** Why it could not be applied the last time. */
  readonly error: string;
  readonly attempts: number;
  readonly diedAt: Date;
  /** Later events of its subject that wait behind it. */
  readonly parked: number;
}

/** Oldest first. */
export function listDeadLetters(
  db: Queryable,
  options: { producer?: string; limit?: number } = {},
): Promise<DeadLetter[]> {
  return db.query<DeadLetter>(
    `SELECT producer, subject, sequence, event, error, attempts, died_at AS "diedAt",
       (SELECT count(*) FROM event_parked AS behind
        WHERE (behind.producer, behind.subject) = (letter.producer, letter.subject)) AS parked
     FROM event_dead_letter AS letter WHERE $1::text IS NULL OR producer = $1
     ORDER BY died_at, producer, subject LIMIT $2`,
    [options.producer ?? null, options.limit ?? 100],
  );
}

/**
 * Gives dead letters, all or those of one subject, another chance: the active consumer applies them and what is parked behind
 * them; those that fail again are dead letters again.
 *
 * @returns how many
 */
export function replayDeadLetters(db: Database, which: { producer: string; subject?: string }): Promise<number> {
  return db.transaction(async (tx) => {
    const rows = await tx.query(
      `WITH revived AS (
         DELETE FROM event_dead_letter WHERE producer = $1 AND ($2::text IS NULL OR subject = $2)
         RETURNING producer, subject, sequence, event
       )
       INSERT INTO event_parked (producer, subject, sequence, event)
       SELECT producer, subject, sequence, event FROM revived ON CONFLICT DO NOTHING RETURNING 1`,
      [which.producer, which.subject ?? null],
    );
    await tx.query(`SELECT pg_notify('${REPLAY_CHANNEL}', $1)`, [which.producer]);
    return rows.length;
  });
}
