/** Likes, and their count on the post, which is changed in the same statement. */
import type { Queryable } from '@switchyard/kit/postgres/database';

export interface LikeOutcome {
  /** Whether there is such a post that this person may see, and the person was not deleted. */
  readonly seen: boolean;
  /** Whether anything changed. */
  readonly changed: boolean;
}

/** The row of the post is locked first, so that the count and the rows agree however many like at once. */
const TARGET = `
  target AS (
    SELECT p.id FROM post p
    JOIN person who ON who.id = $1 AND who.deleted_at IS NULL
    WHERE p.id = $2 AND EXISTS (SELECT FROM circle c WHERE c.person_id = $1 AND c.member_id = p.author_id)
    FOR NO KEY UPDATE OF p FOR KEY SHARE OF who
  )`;
const OUTCOME = `
  SELECT EXISTS (SELECT FROM target) AS seen, EXISTS (SELECT FROM changed) AS changed`;

export const putLike = async (tx: Queryable, personId: string, postId: string): Promise<LikeOutcome> =>
  (
    await tx.query<LikeOutcome>({
      name: 'put-like',
      text: `WITH ${TARGET}, changed AS (
        INSERT INTO liking (post_id, person_id) SELECT id, $1 FROM target ON CONFLICT DO NOTHING RETURNING post_id
      ), counted AS (
        UPDATE post SET likes = likes + 1 FROM changed WHERE post.id = changed.post_id
      ) ${OUTCOME}`,
      values: [personId, postId],
    })
  )[0]!;

export const removeLike = async (tx: Queryable, personId: string, postId: string): Promise<LikeOutcome> =>
  (
    await tx.query<LikeOutcome>({
      name: 'remove-like',
      text: `WITH ${TARGET}, changed AS (
        DELETE FROM liking l USING target WHERE l.post_id = target.id AND l.person_id = $1 RETURNING l.post_id
      ), counted AS (
        UPDATE post SET likes = likes - 1 FROM changed WHERE post.id = changed.post_id
      ) ${OUTCOME}`,
      values: [personId, postId],
    })
  )[0]!;

/** Takes at most `limit` likes of a person back. Returns how many there were. */
export async function removeLikesOf(tx: Queryable, personId: string, limit: number): Promise<number> {
  const likes = await tx.query<{ post_id: string }>(
    `SELECT p.id AS post_id FROM liking l JOIN post p ON p.id = l.post_id
     WHERE l.person_id = $1 ORDER BY p.id LIMIT ${limit} FOR NO KEY UPDATE OF p`,
    [personId],
  );
  await tx.query(
    `WITH gone AS (
       DELETE FROM liking WHERE person_id = $1 AND post_id = ANY ($2::uuid[]) RETURNING post_id
     )
     UPDATE post SET likes = likes - 1 FROM gone WHERE post.id = gone.post_id`,
    [personId, likes.map((like) => like.post_id)],
  );
  return likes.length;
}
