/** The queue of pairs whose friendship began or ended, and the filling and emptying of timelines that follows. */
import type { Queryable } from '@switchyard/kit/postgres/database';
import { holdsCircle } from './circle-lock.ts';

export interface PairJob {
  readonly owner_id: string;
  readonly author_id: string;
  readonly below: string;
  readonly are_friends: boolean;
}

/** Queues both directions of each pair (`a`, one of `others`), from the beginning also where one was under way. The caller holds their circles. */
export const queuePairs = (tx: Queryable, a: string, others: readonly string[]): Promise<unknown> =>
  tx.query(
    `INSERT INTO reconciliation (owner_id, author_id)
     SELECT $1::uuid, id FROM unnest($2::uuid[]) id UNION ALL SELECT id, $1::uuid FROM unnest($2::uuid[]) id
     ORDER BY 1, 2
     ON CONFLICT (owner_id, author_id) DO UPDATE SET below = excluded.below, queued_at = excluded.queued_at`,
    [a, others],
  );

/** The oldest pairs that nobody else is working on, with the author's circle held for reading. */
export async function claimPairs(tx: Queryable, limit: number): Promise<{ jobs: PairJob[]; left: number }> {
  const claimed = await tx.query<{ owner_id: string; author_id: string; held: boolean }>(
    `SELECT owner_id, author_id, ${holdsCircle('author_id')} AS held FROM (
       SELECT * FROM reconciliation ORDER BY queued_at LIMIT ${limit} FOR UPDATE SKIP LOCKED
     ) claimed`,
  );
  const held = claimed.filter((row) => row.held);
  // a statement of its own: what the lock protects must be read after it is held
  const jobs = await tx.query<PairJob>(
    `SELECT r.owner_id, r.author_id, r.below,
       EXISTS (SELECT FROM circle c WHERE c.person_id = r.owner_id AND c.member_id = r.author_id) AS are_friends
     FROM reconciliation r
     JOIN unnest($1::uuid[], $2::uuid[]) AS held(owner_id, author_id) USING (owner_id, author_id)`,
    [held.map((row) => row.owner_id), held.map((row) => row.author_id)],
  );
  return { jobs, left: claimed.length - held.length };
}

/** Puts the next `postsMax` posts of each author, newest first, into the timeline of its owner. */
export const fillTimelines = (tx: Queryable, jobs: readonly PairJob[], postsMax: number): Promise<unknown> =>
  tx.query(
    `WITH ${JOB}, found AS (
       SELECT j.owner_id, j.author_id, p.id AS post_id
       FROM job j CROSS JOIN LATERAL (
         SELECT id FROM post WHERE author_id = j.author_id AND id < j.below ORDER BY id DESC LIMIT ${postsMax}
       ) p
     ), put AS (
       INSERT INTO timeline (owner_id, post_id, author_id, tx)
       SELECT owner_id, post_id, author_id, '0' FROM found ORDER BY owner_id, post_id
       ON CONFLICT DO NOTHING
     ), ${progressOf('found', postsMax)}`,
    columns(jobs),
  );

/** Looks through the next `rowsMax` rows of each owner's timeline, newest first, and removes those of the author. */
export const emptyTimelines = (tx: Queryable, jobs: readonly PairJob[], rowsMax: number): Promise<unknown> =>
  tx.query(
    `WITH ${JOB}, found AS (
       SELECT j.owner_id, j.author_id, t.post_id, t.author_id = j.author_id AS must_go
       FROM job j CROSS JOIN LATERAL (
         SELECT post_id, author_id FROM timeline
         WHERE owner_id = j.owner_id AND post_id < j.below ORDER BY post_id DESC LIMIT ${rowsMax}
       ) t
     ), gone AS (
       DELETE FROM timeline t USING found f WHERE f.must_go AND t.owner_id = f.owner_id AND t.post_id = f.post_id
     ), ${progressOf('found', rowsMax)}`,
    columns(jobs),
  );

/** Removes at most `limit` rows of one owner's timeline. Returns how many there were. */
export const dropTimeline = async (tx: Queryable, ownerId: string, limit: number): Promise<number> =>
  (
    await tx.query(
      `DELETE FROM timeline WHERE owner_id = $1 AND post_id IN (
         SELECT post_id FROM timeline WHERE owner_id = $1 LIMIT ${limit}
       ) RETURNING post_id`,
      [ownerId],
    )
  ).length;

const JOB = `job AS (
  SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS j(owner_id, author_id, below)
)`;

const columns = (jobs: readonly PairJob[]): string[][] => [
  jobs.map((job) => job.owner_id),
  jobs.map((job) => job.author_id),
  jobs.map((job) => job.below),
];

/** A pair that found fewer rows than it might have is done; another goes on below the last one. */
const progressOf = (found: string, rowsMax: number): string => `progress AS (
    SELECT j.owner_id, j.author_id, f.reached, coalesce(f.n, 0) < ${rowsMax} AS done
    FROM job j LEFT JOIN (
      SELECT owner_id, author_id, count(*) AS n, (array_agg(post_id ORDER BY post_id))[1] AS reached
      FROM (SELECT owner_id, author_id, post_id FROM ${found}) x GROUP BY owner_id, author_id
    ) f USING (owner_id, author_id)
  ), ended AS (
    DELETE FROM reconciliation r USING progress g
    WHERE r.owner_id = g.owner_id AND r.author_id = g.author_id AND g.done
  )
  UPDATE reconciliation r SET below = g.reached FROM progress g
  WHERE r.owner_id = g.owner_id AND r.author_id = g.author_id AND NOT g.done`;
