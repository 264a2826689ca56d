/** Comments, and their count on the post, which is changed in the same statement. */
import type { Queryable } from '@switchyard/kit/postgres/database';
import { commentJson } from './post-json.ts';

export interface NewComment {
  readonly id: string;
  readonly postId: string;
  readonly authorId: string;
  readonly text: string;
  readonly createdAt: Date;
}

/** The comment as JSON; undefined when there is no such post that the author may see, or the author is not known or was deleted. */
export async function putComment(tx: Queryable, comment: NewComment): Promise<string | undefined> {
  const [row] = await tx.query<{ json: string }>({
    name: 'put-comment',
    text: `
      WITH a AS (
        SELECT id, card FROM person WHERE id = $3 AND deleted_at IS NULL FOR KEY SHARE
      ), target AS (
        UPDATE post p SET comments = comments + 1 FROM a
        WHERE p.id = $2 AND EXISTS (SELECT FROM circle c WHERE c.person_id = $3 AND c.member_id = p.author_id)
        RETURNING p.id
      ), c AS (
        INSERT INTO comment (id, post_id, author_id, text, created_at) SELECT $1, id, $3, $4, $5 FROM target RETURNING *
      )
      SELECT ${commentJson} AS json FROM c, a`,
    values: [comment.id, comment.postId, comment.authorId, comment.text, comment.createdAt],
  });
  return row?.json;
}

/** Who wrote a comment, and who the post that it stands below; undefined when the viewer does not see the post or the comment. */
export async function commentSeenBy(
  tx: Queryable,
  viewerId: string,
  of: { postId: string; commentId: string },
): Promise<{ seesPost: boolean; commentAuthorId: string | null; postAuthorId: string | null }> {
  const [row] = await tx.query<{ comment_author: string | null; post_author: string }>(
    `SELECT c.author_id AS comment_author, p.author_id AS post_author
     FROM post p
     LEFT JOIN comment c ON c.id = $3 AND c.post_id = p.id AND NOT EXISTS (
       SELECT FROM block WHERE (blocker_id = $1 AND blocked_id = c.author_id) OR (blocker_id = c.author_id AND blocked_id = $1)
     )
     WHERE p.id = $2 AND EXISTS (SELECT FROM circle i WHERE i.person_id = $1 AND i.member_id = p.author_id)`,
    [viewerId, of.postId, of.commentId],
  );
  return {
    seesPost: row !== undefined,
    commentAuthorId: row?.comment_author ?? null,
    postAuthorId: row?.post_author ?? null,
  };
}

/** Whether it was still there. The row of the post is locked first, as everybody does who changes its counts. */
export async function removeComment(tx: Queryable, of: { postId: string; commentId: string }): Promise<boolean> {
  await tx.query('SELECT FROM post WHERE id = $1 FOR NO KEY UPDATE', [of.postId]);
  const gone = await tx.query(
    `WITH gone AS (
       DELETE FROM comment WHERE id = $2 AND post_id = $1 RETURNING post_id
     )
     UPDATE post SET comments = comments - 1 FROM gone WHERE post.id = gone.post_id RETURNING post.id`,
    [of.postId, of.commentId],
  );
  return gone.length > 0;
}

/** Removes at most `limit` comments of a person. Returns the posts they stood below, one entry a comment. */
export async function removeCommentsOf(
  tx: Queryable,
  authorId: string,
  limit: number,
): Promise<{ postId: string; commentId: string }[]> {
  const comments = await tx.query<{ id: string; post_id: string }>(
    `SELECT c.id, p.id AS post_id FROM comment c JOIN post p ON p.id = c.post_id
     WHERE c.author_id = $1 ORDER BY p.id LIMIT ${limit} FOR NO KEY UPDATE OF p`,
    [authorId],
  );
  await tx.query(
    `WITH gone AS (
       DELETE FROM comment WHERE id = ANY ($1::uuid[]) RETURNING post_id
     ), counts AS (
       SELECT post_id, count(*)::int AS n FROM gone GROUP BY post_id
     )
     UPDATE post SET comments = comments - n FROM counts WHERE post.id = counts.post_id`,
    [comments.map((comment) => comment.id)],
  );
  return comments.map((comment) => ({ postId: comment.post_id, commentId: comment.id }));
}
