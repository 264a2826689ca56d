/** Pages of posts and comments, each found and rendered by one statement whose cost does not depend on which page it is. */
import type { Queryable } from '@switchyard/kit/postgres/database';
import { commentJson, hiddenFrom, postAndAuthor, postJson } from './post-json.ts';
import type { RenderedRow } from './post-json.ts';

/** Above every UUIDv7, for a first page of newest first. */
export const NEWEST = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
/** Below every UUIDv7, for a first page of oldest first. */
export const OLDEST = '00000000-0000-0000-0000-000000000000';

/**
 * Posts of a person's home timeline with ids below `below`, newest first.
 *
 * Friendship is checked again by the way, so that rows which a purge has still to remove are passed over and the page is filled by what follows
 * them. The number of rows is written into the text: with a parameter the planner takes it for a tenth of the timeline, and sorts.
 */
export function timelinePage(db: Queryable, viewerId: string, below: string, rows: number): Promise<RenderedRow[]> {
  return db.query<RenderedRow>({
    name: `timeline-page-${rows}`,
    text: timelinePageSql(rows),
    values: [viewerId, below],
  });
}

/** `$1` the viewer, `$2` the id below which the page begins. */
export const timelinePageSql = (rows: number): string => `
  WITH ${hiddenFrom('$1')}
  SELECT t.post_id AS id, ${postJson('$1')} AS json
  FROM (
    SELECT t.post_id, t.author_id
    FROM timeline t
    CROSS JOIN LATERAL (
      SELECT FROM circle c WHERE c.person_id = t.owner_id AND c.member_id = t.author_id OFFSET 0
    ) still
    WHERE t.owner_id = $1 AND t.post_id < $2
    ORDER BY t.post_id DESC
    LIMIT ${rows}
  ) t
  ${postAndAuthor('t.post_id', 't.author_id')}
  ORDER BY t.post_id DESC`;

/**
 * Posts of the author with this handle, newest first; none when the viewer may not see them. A viewer whom Users' events have not told of yet
 * is known by `ownHandle`, the handle of their identity.
 */
export function authorPage(
  db: Queryable,
  of: { viewerId: string; ownHandle: string; handle: string; below: string; rows: number },
): Promise<RenderedRow[]> {
  return db.query<RenderedRow>({
    name: `author-page-${of.rows}`,
    text: `
      WITH ${hiddenFrom('$1')}, author AS (
        SELECT w.id FROM (
          SELECT coalesce(
            (SELECT id FROM person WHERE handle = $2 ORDER BY id DESC LIMIT 1),
            CASE WHEN $2 = $3 THEN $1::uuid END
          ) AS id
        ) w
        WHERE EXISTS (SELECT FROM circle c WHERE c.person_id = $1 AND c.member_id = w.id)
      )
      SELECT t.id, ${postJson('$1')} AS json
      FROM (
        SELECT id, author_id FROM post WHERE author_id = (SELECT id FROM author) AND id < $4
        ORDER BY id DESC LIMIT ${of.rows}
      ) t
      ${postAndAuthor('t.id', 't.author_id')}
      ORDER BY t.id DESC`,
    values: [of.viewerId, of.handle, of.ownHandle, of.below],
  });
}

/** One post; undefined when it does not exist or the viewer may not see it. */
export async function onePost(db: Queryable, viewerId: string, postId: string): Promise<string | undefined> {
  const [row] = await db.query<{ json: string }>({
    name: 'one-post',
    text: `
      WITH ${hiddenFrom('$1')}
      SELECT ${postJson('$1')} AS json
      FROM post p JOIN person a ON a.id = p.author_id AND a.deleted_at IS NULL
      WHERE p.id = $2 AND EXISTS (SELECT FROM circle c WHERE c.person_id = $1 AND c.member_id = p.author_id)`,
    values: [viewerId, postId],
  });
  return row?.json;
}

/** Comments on a post with ids above `above`, oldest first; those of people blocked either way are passed over. undefined when the viewer may not see the post. */
export async function commentPage(
  db: Queryable,
  of: { viewerId: string; postId: string; above: string; rows: number },
): Promise<RenderedRow[] | undefined> {
  const rows = await db.query<RenderedRow | { id: null; json: null }>({
    name: `comment-page-${of.rows}`,
    text: `
      WITH ${hiddenFrom('$1')}
      SELECT found.id, found.json
      FROM post p
      LEFT JOIN LATERAL (
        SELECT c.id, ${commentJson} AS json
        FROM comment c JOIN person a ON a.id = c.author_id
        WHERE c.post_id = p.id AND c.id > $3 AND a.deleted_at IS NULL
          AND c.author_id <> ALL ((SELECT ids FROM hidden)::uuid[])
        ORDER BY c.id LIMIT ${of.rows}
      ) found ON true
      WHERE p.id = $2 AND EXISTS (SELECT FROM circle c WHERE c.person_id = $1 AND c.member_id = p.author_id)
      ORDER BY found.id`,
    values: [of.viewerId, of.postId, of.above],
  });
  if (rows.length === 0) return undefined;
  return rows.filter((row): row is RenderedRow => row.id !== null);
}
