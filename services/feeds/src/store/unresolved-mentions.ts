/** Posts whose mentions are still to be resolved. */
import type { Queryable } from '@switchyard/kit/postgres/database';

export interface UnresolvedPost {
  readonly post_id: string;
  readonly author_id: string;
  readonly text: string;
  readonly attempts: number;
}

export const putUnresolved = (tx: Queryable, postId: string, notBefore: Date): Promise<unknown> =>
  tx.query(
    `INSERT INTO unresolved_mention (post_id, not_before) VALUES ($1, $2)
     ON CONFLICT (post_id) DO UPDATE SET attempts = 1, not_before = excluded.not_before`,
    [postId, notBefore],
  );

/** Posts that are due, for whoever asks first: each is due again after a pause that doubles, up to an hour, unless it is settled by then. */
export const claimUnresolved = (db: Queryable, limit: number): Promise<UnresolvedPost[]> =>
  db.query<UnresolvedPost>(
    `UPDATE unresolved_mention u
     SET attempts = u.attempts + 1, not_before = now() + least(3600, 2 ^ u.attempts) * interval '1 second'
     FROM post p
     WHERE p.id = u.post_id AND u.post_id IN (
       SELECT post_id FROM unresolved_mention WHERE not_before <= now() ORDER BY not_before
       LIMIT ${limit} FOR UPDATE SKIP LOCKED
     )
     RETURNING u.post_id, p.author_id, p.text, u.attempts`,
  );

/** Ends the search. A post that was edited meanwhile keeps what its new text says. */
export const settleMentions = (
  db: Queryable,
  found: { postId: string; text: string; mentions: readonly string[] },
): Promise<unknown> =>
  db.query(
    `WITH settled AS (
       UPDATE post SET mentions = $3::uuid[] WHERE id = $1 AND text = $2 RETURNING id
     )
     DELETE FROM unresolved_mention u USING settled WHERE u.post_id = settled.id`,
    [found.postId, found.text, found.mentions],
  );

/** The text was edited and everybody in it is known. */
export const forgetUnresolved = (tx: Queryable, postId: string): Promise<unknown> =>
  tx.query('DELETE FROM unresolved_mention WHERE post_id = $1', [postId]);
