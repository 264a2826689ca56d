/** Posts as they are written, edited and deleted. */
import { appendingEvent, EVENT_APPENDED } from '@switchyard/kit/events/outbox';
import type { Queryable } from '@switchyard/kit/postgres/database';
import { hiddenFrom, postJson } from './post-json.ts';

export interface NewPost {
  readonly id: string;
  readonly authorId: string;
  readonly text: string;
  /** Ids of the people that were resolved. */
  readonly mentions: readonly string[];
  readonly createdAt: Date;
}

/**
 * Puts the post, its row in the author's own timeline, its fan-out and its event (`event` are its eventValues()), in one statement: a
 * transaction and a round trip. The author's row is locked against deletion.
 *
 * @returns the author's card and the post's (open at its end); undefined when the author is not known or was deleted
 */
export async function putPost(
  tx: Queryable,
  post: NewPost,
  event: readonly unknown[],
): Promise<{ author: string; card: string } | undefined> {
  const [row] = await tx.query<{ author: string; card: string }>({
    name: 'put-post',
    text: `
      WITH author AS (
        SELECT id, card FROM person WHERE id = $2 AND deleted_at IS NULL FOR KEY SHARE
      ), written AS (
        INSERT INTO post (id, author_id, text, mentions, created_at)
        SELECT $1, id, $3, $4::uuid[], $5 FROM author
        RETURNING id, card
      ), own AS (
        INSERT INTO timeline (owner_id, post_id, author_id) SELECT $2, id, $2 FROM written
      ), queued AS (
        INSERT INTO fan_out (post_id, author_id, written_at) SELECT id, $2, $5 FROM written
      ), ${appendingEvent(6, 'EXISTS (SELECT FROM written)')}
      SELECT author.card AS author, written.card AS card, ${EVENT_APPENDED} AS told
      FROM author, written`,
    values: [post.id, post.authorId, post.text, post.mentions, post.createdAt, ...event],
  });
  return row;
}

/** The edited post as its author sees it; undefined when there is no such post of this author. */
export async function changePost(
  tx: Queryable,
  change: { id: string; authorId: string; text: string; mentions: readonly string[]; editedAt: Date },
): Promise<string | undefined> {
  const [row] = await tx.query<{ json: string }>(
    `WITH ${hiddenFrom('$2')}, p AS (
       UPDATE post SET text = $3, mentions = $4::uuid[], edited_at = $5 WHERE id = $1 AND author_id = $2 RETURNING *
     )
     SELECT ${postJson('$2')} AS json FROM p JOIN person a ON a.id = p.author_id AND a.deleted_at IS NULL`,
    [change.id, change.authorId, change.text, change.mentions, change.editedAt],
  );
  return row?.json;
}

/**
 * Removes a post and every timeline row of it: those of the author's circle, and of former friends whose purge has not come that far.
 * The caller holds the author's circle, so that nobody puts another row there meanwhile.
 */
export async function removePosts(tx: Queryable, authorId: string, postIds: readonly string[]): Promise<number> {
  const rows = await tx.query(
    `WITH gone AS (
       DELETE FROM post WHERE id = ANY ($2::uuid[]) AND author_id = $1 RETURNING id
     ), owners AS (
       SELECT member_id AS id FROM circle WHERE person_id = $1
       UNION SELECT owner_id FROM reconciliation WHERE author_id = $1
       UNION SELECT $1::uuid
     ), rows AS (
       DELETE FROM timeline t USING gone, owners WHERE t.owner_id = owners.id AND t.post_id = gone.id
     ), queued AS (
       DELETE FROM fan_out f USING gone WHERE f.post_id = gone.id
     )
     SELECT id FROM gone`,
    [authorId, postIds],
  );
  return rows.length;
}

export const canSeePost = async (db: Queryable, viewerId: string, postId: string): Promise<boolean> =>
  (
    await db.query(
      `SELECT FROM post p JOIN circle c ON c.person_id = $1 AND c.member_id = p.author_id WHERE p.id = $2`,
      [viewerId, postId],
    )
  ).length > 0;
