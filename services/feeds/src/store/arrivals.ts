/** Finds the posts that have come into timelines since a transaction, for streams. */
import type { Queryable } from '@switchyard/kit/postgres/database';
import { postAndAuthor, postJson } from './post-json.ts';

/** Only the newest posts of a timeline are looked at: whoever was away for longer reads the feed itself. */
export const ARRIVALS_MAX = 300;

export interface Watcher {
  readonly viewerId: string;
  /** Transaction below which they have everything; null for somebody who begins now. */
  readonly since: string | null;
}

export interface Arrivals {
  /** Every transaction below it has ended, so that whatever those put into a timeline has been found; `since` of the next question. */
  readonly horizon: string;
  /** Lowest id first, as the viewer sees them. `isBeyond`: put there by a transaction from the horizon on, it will be found again. */
  readonly posts: readonly { readonly id: string; readonly json: string; readonly isBeyond: boolean }[];
}

/** One entry a watcher, in their order. Friendship is checked as on every page. */
export async function arrivalsOf(db: Queryable, watchers: readonly Watcher[]): Promise<Arrivals[]> {
  const rows = await db.query<{
    place: number;
    horizon: string;
    id: string | null;
    json: string | null;
    is_beyond: boolean | null;
  }>({
    name: 'arrivals',
    text: `
      SELECT w.place, pg_snapshot_xmin(pg_current_snapshot())::text AS horizon, found.id, found.json,
        found.tx >= pg_snapshot_xmin(pg_current_snapshot()) AS is_beyond
      FROM unnest($1::uuid[], $2::xid8[]) WITH ORDINALITY AS w(viewer_id, since, place)
      LEFT JOIN LATERAL (
        SELECT t.post_id AS id, t.tx, ${postJson('w.viewer_id', 'a.card', 'h.ids')} AS json
        FROM (
          SELECT post_id, author_id, tx FROM timeline
          WHERE owner_id = w.viewer_id ORDER BY post_id DESC LIMIT ${ARRIVALS_MAX}
        ) t
        CROSS JOIN LATERAL (
          SELECT FROM circle c WHERE c.person_id = w.viewer_id AND c.member_id = t.author_id OFFSET 0
        ) still
        CROSS JOIN LATERAL (
          SELECT ARRAY(
            SELECT blocked_id FROM block WHERE blocker_id = w.viewer_id
            UNION ALL SELECT blocker_id FROM block WHERE blocked_id = w.viewer_id
          ) AS ids
        ) h
        ${postAndAuthor('t.post_id', 't.author_id')}
        WHERE t.tx >= w.since
      ) found ON true
      ORDER BY w.place, found.id`,
    values: [watchers.map((watcher) => watcher.viewerId), watchers.map((watcher) => watcher.since)],
  });
  const arrivals = watchers.map(() => ({ horizon: '0', posts: [] as Arrivals['posts'][number][] }));
  for (const row of rows) {
    const one = arrivals[row.place - 1]!;
    one.horizon = row.horizon;
    if (row.id !== null && row.json !== null) {
      one.posts.push({ id: row.id, json: row.json, isBeyond: row.is_beyond === true });
    }
  }
  return arrivals;
}

/** Whose feeds the posts of these authors come into. */
export const readersOf = async (db: Queryable, authorIds: readonly string[]): Promise<string[]> =>
  (
    await db.query<{ id: string }>({
      name: 'readers-of',
      text: 'SELECT DISTINCT member_id AS id FROM circle WHERE person_id = ANY ($1::uuid[])',
      values: [authorIds],
    })
  ).map((row) => row.id);
