/** The queue of posts that have still to be put into friends' timelines, and the putting there. */
import type { Queryable } from '@switchyard/kit/postgres/database';
import { holdsCircle } from './circle-lock.ts';

export interface FanOutJob {
  readonly post_id: string;
  readonly author_id: string;
  readonly after: string;
  readonly written_at: Date;
}

/**
 * The oldest posts that nobody else is working on, with their authors' circles held for reading; those whose circle is being changed are left
 * for the next round.
 */
export const claimFanOuts = async (tx: Queryable, limit: number): Promise<{ jobs: FanOutJob[]; left: number }> => {
  const rows = await tx.query<FanOutJob & { held: boolean }>({
    name: `claim-fan-outs-${limit}`,
    text: `
      SELECT post_id, author_id, after, written_at, ${holdsCircle('author_id')} AS held FROM (
        SELECT * FROM fan_out ORDER BY post_id LIMIT ${limit} FOR UPDATE SKIP LOCKED
      ) claimed`,
  });
  const jobs = rows.filter((row) => row.held);
  return { jobs, left: rows.length - jobs.length };
};

/**
 * Puts each post into the timelines of the next `friendsMax` friends of its author, and ends or advances its job. A post that was deleted
 * meanwhile has no friends to go to, which ends its job as well.
 *
 * @returns the posts that are done
 */
export async function putIntoTimelines(
  tx: Queryable,
  jobs: readonly FanOutJob[],
  friendsMax: number,
): Promise<string[]> {
  const rows = await tx.query<{ post_id: string; done: boolean }>({
    name: `put-into-timelines-${friendsMax}`,
    text: `
      WITH job AS (
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS j(post_id, author_id, after)
      ), target AS (
        SELECT f.member_id AS owner_id, j.post_id, j.author_id
        FROM job j JOIN post p ON p.id = j.post_id
        CROSS JOIN LATERAL (
          SELECT member_id FROM circle WHERE person_id = j.author_id AND member_id > j.after
          ORDER BY member_id LIMIT ${friendsMax}
        ) f
      ), put AS (
        INSERT INTO timeline (owner_id, post_id, author_id)
        SELECT owner_id, post_id, author_id FROM target ORDER BY owner_id, post_id
        ON CONFLICT DO NOTHING
      ), progress AS (
        SELECT j.post_id, t.reached, coalesce(t.n, 0) < ${friendsMax} AS done
        FROM job j LEFT JOIN (
          SELECT post_id, count(*) AS n, (array_agg(owner_id ORDER BY owner_id DESC))[1] AS reached
          FROM target GROUP BY post_id
        ) t USING (post_id)
      ), ended AS (
        DELETE FROM fan_out f USING progress g WHERE f.post_id = g.post_id AND g.done
      ), advanced AS (
        UPDATE fan_out f SET after = g.reached FROM progress g WHERE f.post_id = g.post_id AND NOT g.done
      )
      SELECT post_id, done FROM progress`,
    values: [jobs.map((job) => job.post_id), jobs.map((job) => job.author_id), jobs.map((job) => job.after)],
  });
  return rows.filter((row) => row.done).map((row) => row.post_id);
}
