/** Friendships: two rows each, one from either side, written together. */
import type { Queryable, Transaction } from '@switchyard/kit/postgres/transaction';
import type { Pair } from '../domain/pair.ts';
import type { SeenUser } from './people.ts';

/** @param accepted the request and who accepted it, so that accepting again can be answered */
export async function insertFriendship(
  tx: Transaction,
  pair: Pair,
  accepted: { requestId: string; by: string; now: Date },
): Promise<void> {
  await tx.query({
    name: 'insert-friendship',
    text: `INSERT INTO friendship (user_id, friend_id, friend_handle, accepted_request, started_at)
           SELECT one.id, other.id, other.handle, CASE WHEN one.id = $4 THEN $3::uuid END, $5
             FROM account one JOIN account other ON other.id <> one.id
            WHERE one.id IN ($1, $2) AND other.id IN ($1, $2)`,
    values: [pair.a, pair.b, accepted.requestId, accepted.by, accepted.now],
  });
}

/** @returns whether they were friends */
export async function deleteFriendship(tx: Transaction, pair: Pair): Promise<boolean> {
  const rows = await tx.query(
    `DELETE FROM friendship WHERE (user_id = $1 AND friend_id = $2) OR (user_id = $2 AND friend_id = $1) RETURNING user_id`,
    [pair.a, pair.b],
  );
  return rows.length > 0;
}

/** The larger of the two numbers of friends. */
export async function mostFriends(tx: Transaction, pair: Pair): Promise<number> {
  const [row] = await tx.query<{ most: number }>({
    name: 'most-friends',
    text: `SELECT GREATEST((SELECT count(*) FROM friendship WHERE user_id = $1),
                           (SELECT count(*) FROM friendship WHERE user_id = $2))::int AS most`,
    values: [pair.a, pair.b],
  });
  return row!.most;
}

/** Whose request it was that `userId` accepted by this id and is still friends by. */
export async function findAcceptedFrom(db: Queryable, userId: string, requestId: string): Promise<string | null> {
  const [row] = await db.query<{ friendId: string }>(
    'SELECT friend_id AS "friendId" FROM friendship WHERE accepted_request = $2 AND user_id = $1',
    [userId, requestId],
  );
  return row?.friendId ?? null;
}

/** Friends by handle, after `after` (excluded). Friends never block each other, so all of them are seen. */
export async function listFriendsOf(
  db: Queryable,
  userId: string,
  page: { after: string; limit: number },
): Promise<SeenUser[]> {
  return db.query<SeenUser>({
    name: 'list-friends-of',
    text: `SELECT them.id, them.handle, them.name, them.bio, them.created_at AS "createdAt", 'friends' AS friendship
             FROM (SELECT friend_id, friend_handle FROM friendship
                    WHERE user_id = $1 AND friend_handle > $2 ORDER BY friend_handle LIMIT $3) page
             JOIN account them ON them.id = page.friend_id
            ORDER BY page.friend_handle`,
    values: [userId, page.after, page.limit],
  });
}

/** Writes a new handle into the rows of all friends. */
export async function renameFriend(tx: Transaction, userId: string, handle: string): Promise<void> {
  await tx.query('UPDATE friendship SET friend_handle = $2 WHERE friend_id = $1', [userId, handle]);
}

/** Remembers that events were published about a pair. */
export async function rememberTold(tx: Transaction, pair: Pair): Promise<void> {
  await tx.query({
    name: 'remember-told',
    text: 'INSERT INTO told_pair (a, b) VALUES ($1, $2) ON CONFLICT DO NOTHING',
    values: [pair.a, pair.b],
  });
}

/** All pairs of this person that events were ever published about. */
export async function toldPairsOf(db: Queryable, userId: string): Promise<Pair[]> {
  return db.query<Pair>('SELECT a, b FROM told_pair WHERE a = $1 UNION ALL SELECT a, b FROM told_pair WHERE b = $1', [
    userId,
  ]);
}
