/** The queue of deleted accounts whose traces have still to go. */
import { feedsEvents } from '@switchyard/contracts/feeds-events';
import type { Queryable } from '@switchyard/kit/postgres/database';

/** Somebody whom nobody else is working on. */
export async function claimErasure(tx: Queryable): Promise<string | undefined> {
  const [row] = await tx.query<{ person_id: string }>(
    'SELECT person_id FROM erasure ORDER BY queued_at LIMIT 1 FOR UPDATE SKIP LOCKED',
  );
  return row?.person_id;
}

export const somePostsOf = async (tx: Queryable, authorId: string, limit: number): Promise<string[]> =>
  (await tx.query<{ id: string }>(`SELECT id FROM post WHERE author_id = $1 LIMIT ${limit}`, [authorId])).map(
    (row) => row.id,
  );

export const endErasure = (tx: Queryable, personId: string): Promise<unknown> =>
  tx.query('DELETE FROM erasure WHERE person_id = $1', [personId]);

/** Erases the payloads of comments' events below these posts that hold `told`: `{ authorId }` or `{ commentId }`. */
export const eraseCommentEvents = (
  tx: Queryable,
  postIds: readonly string[],
  told: { readonly authorId: string } | { readonly commentId: string },
): Promise<unknown> =>
  tx.query(
    `UPDATE event_outbox SET data = NULL
     WHERE subject = ANY ($1) AND type = $2 AND data @> $3::jsonb`,
    [postIds, feedsEvents.commentWritten.type, JSON.stringify(told)],
  );
