/** Friends of friends, by how many friends one has in common with them. */
import type { Queryable } from '@switchyard/kit/postgres/transaction';
import type { SeenUser } from './people.ts';

export interface SuggestedUser extends SeenUser {
  readonly commonFriends: number;
}

/**
 * The page after `after` (excluded). Friends, people with an open request and blocked people are left out.
 *
 * Only `friendship_by_handle` is read until the page is known: the walk goes from each friend to that friend's friends and
 * stops after `walkMax` steps, so that the cost is bounded for whom everybody knows; the index gives the handles to order by.
 *
 * @param page.after null for the first page
 */
export async function listSuggestions(
  db: Queryable,
  userId: string,
  page: { after: { commonFriends: number; handle: string } | null; limit: number; walkMax: number },
): Promise<SuggestedUser[]> {
  return db.query<SuggestedUser>({
    name: 'list-suggestions',
    text: SUGGESTIONS,
    values: [userId, page.after?.commonFriends ?? 2_147_483_647, page.after?.handle ?? '', page.limit, page.walkMax],
  });
}

/** LIMIT inside LATERAL keeps the planner from turning the walk into a join of whole tables. */
export const SUGGESTIONS = `
  WITH walk AS (
    SELECT theirs.friend_id, theirs.friend_handle
      FROM (SELECT friend_id FROM friendship WHERE user_id = $1 ORDER BY friend_handle) mine
      CROSS JOIN LATERAL (SELECT friend_id, friend_handle FROM friendship
                           WHERE user_id = mine.friend_id ORDER BY friend_handle LIMIT $5) theirs
     LIMIT $5
  ), ranked AS (
    SELECT friend_id, friend_handle, count(*)::int AS common
      FROM walk
     WHERE friend_id <> $1
     GROUP BY friend_id, friend_handle
    HAVING count(*) < $2 OR (count(*) = $2 AND friend_handle > $3)
  ), page AS (
    SELECT friend_id, friend_handle, common
      FROM ranked
     WHERE NOT EXISTS (SELECT FROM friendship WHERE user_id = $1 AND friend_id = ranked.friend_id)
       AND NOT EXISTS (SELECT FROM friend_request WHERE from_id = $1 AND to_id = ranked.friend_id)
       AND NOT EXISTS (SELECT FROM friend_request WHERE to_id = $1 AND from_id = ranked.friend_id)
       AND NOT EXISTS (SELECT FROM block WHERE blocker_id = $1 AND blocked_id = ranked.friend_id)
       AND NOT EXISTS (SELECT FROM block WHERE blocked_id = $1 AND blocker_id = ranked.friend_id)
     ORDER BY common DESC, friend_handle
     LIMIT $4
  )
  SELECT them.id, them.handle, them.name, them.bio, them.created_at AS "createdAt",
         'none' AS friendship, page.common AS "commonFriends"
    FROM page JOIN account them ON them.id = page.friend_id
   ORDER BY page.common DESC, page.friend_handle`;
