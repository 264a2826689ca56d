/** Pages of posts and comments, each found and rendered by one statement whose cost does not depend on which page it is. */
import type { Queryable } from '@switchyard/kit/postgres/database';
import { commentJson, hiddenFrom, postAndAuthor, postJson } from './post-json.ts';

/** Above every UUIDv7, for a first page of newest first. */
export const NEWEST = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
/** Below every UUIDv7, for a first page of oldest first. */
export const OLDEST = '00000000-0000-0000-0000-000000000000';

export interface RenderedPage {
  /** The items as JSON, with commas between them; null when there are none. */
  readonly items: string | null;
  /** Id of the last item where others follow it. */
  readonly next: string | null;
}

/**
 * Posts of a person's home timeline with ids below `below`, newest first.
 *
 * Friendship is checked again by the way, so that rows which a purge has still to remove are passed over and the page is filled by what follows
 * them. The limit is written into the text: with a parameter the planner takes it for a tenth of the timeline, and sorts.
 */
export const timelinePage = (db: Queryable, viewerId: string, below: string, limit: number): Promise<RenderedPage> =>
  one(db, { name: `timeline-page-${limit}`, text: timelinePageSql(limit), values: [viewerId, below] });

/** `$1` the viewer, `$2` the id below which the page begins. */
export const timelinePageSql = (limit: number): string => `
  WITH ${hiddenFrom('$1')}, found AS MATERIALIZED (
    SELECT t.post_id AS id, t.author_id
    FROM timeline t
    CROSS JOIN LATERAL (
      SELECT FROM circle c WHERE c.person_id = t.owner_id AND c.member_id = t.author_id OFFSET 0
    ) still
    WHERE t.owner_id = $1 AND t.post_id < $2
    ORDER BY t.post_id DESC
    LIMIT ${limit + 1}
  )
  ${pageOfFound(limit, 'DESC', postJson('$1'), postAndAuthor('t.id', 't.author_id'))}`;

/**
 * Posts of the author with this handle, newest first; none when the viewer may not see them. A viewer whom Users' events have not told of yet
 * is known by `ownHandle`, the handle of their identity.
 */
export const authorPage = (
  db: Queryable,
  of: { viewerId: string; ownHandle: string; handle: string; below: string; limit: number },
): Promise<RenderedPage> =>
  one(db, {
    name: `author-page-${of.limit}`,
    text: `
      WITH ${hiddenFrom('$1')}, author AS (
        SELECT w.id FROM (
          SELECT coalesce(
            (SELECT id FROM person WHERE handle = $2 ORDER BY id DESC LIMIT 1),
            CASE WHEN $2 = $3 THEN $1::uuid END
          ) AS id
        ) w
        WHERE EXISTS (SELECT FROM circle c WHERE c.person_id = $1 AND c.member_id = w.id)
      ), found AS MATERIALIZED (
        SELECT id, author_id FROM post WHERE author_id = (SELECT id FROM author) AND id < $4
        ORDER BY id DESC LIMIT ${of.limit + 1}
      )
      ${pageOfFound(of.limit, 'DESC', postJson('$1'), postAndAuthor('t.id', 't.author_id'))}`,
    values: [of.viewerId, of.handle, of.ownHandle, of.below],
  });

/** Comments on a post with ids above `above`, oldest first; those of people blocked either way are passed over. `seen`: whether the viewer may see the post. */
export const commentPage = (
  db: Queryable,
  of: { viewerId: string; postId: string; above: string; limit: number },
): Promise<RenderedPage & { readonly seen: boolean }> =>
  one(db, {
    name: `comment-page-${of.limit}`,
    text: `
      WITH ${hiddenFrom('$1')}, seen AS (
        SELECT p.id FROM post p
        WHERE p.id = $2 AND EXISTS (SELECT FROM circle c WHERE c.person_id = $1 AND c.member_id = p.author_id)
      ), found AS MATERIALIZED (
        SELECT c.id, c.author_id FROM comment c JOIN person a ON a.id = c.author_id
        WHERE c.post_id = (SELECT id FROM seen) AND c.id > $3 AND a.deleted_at IS NULL
          AND c.author_id <> ALL ((SELECT ids FROM hidden)::uuid[])
        ORDER BY c.id LIMIT ${of.limit + 1}
      )
      ${pageOfFound(of.limit, 'ASC', commentJson, 'JOIN comment c ON c.id = t.id JOIN person a ON a.id = t.author_id')},
        EXISTS (SELECT FROM seen) AS seen`,
    values: [of.viewerId, of.postId, of.above],
  });

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

/** SELECT of the first `limit` rows of `found(id, author_id)`, which has one more where another page follows; `json` renders `t` and what `sources` join to it. */
const pageOfFound = (limit: number, order: 'ASC' | 'DESC', json: string, sources: string): string => `
  SELECT (
      SELECT string_agg(${json}, ',' ORDER BY t.id ${order})
      FROM (SELECT * FROM found ORDER BY id ${order} LIMIT ${limit}) t ${sources}
    ) AS items,
    CASE WHEN (SELECT count(*) FROM found) > ${limit} THEN (
      SELECT id FROM found ORDER BY id ${order} OFFSET ${limit - 1} LIMIT 1
    ) END AS next`;

const one = async <R>(db: Queryable, statement: { name: string; text: string; values: unknown[] }): Promise<R> =>
  (await db.query<R>(statement))[0]!;
