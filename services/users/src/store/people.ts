/** People as one particular person may see them: blocked people not at all, the others with what they are to the viewer. */
import type { Queryable } from '@switchyard/kit/postgres/transaction';
import type { Relation } from '../domain/friendship.ts';

export interface SeenUser {
  readonly id: string;
  readonly handle: string;
  readonly name: string;
  readonly bio: string;
  readonly createdAt: Date;
  readonly friendship: Relation;
}

/** Condition: account `them` and the viewer `$1` have not blocked each other. */
export const VISIBLE = `
  NOT EXISTS (SELECT FROM block WHERE blocker_id = $1 AND blocked_id = them.id)
  AND NOT EXISTS (SELECT FROM block WHERE blocker_id = them.id AND blocked_id = $1)`;

/** What account `them` is to the viewer `$1`. */
const RELATION = `
  CASE
    WHEN them.id = $1 THEN 'self'
    WHEN EXISTS (SELECT FROM friendship WHERE user_id = $1 AND friend_id = them.id) THEN 'friends'
    ELSE COALESCE((SELECT CASE WHEN from_id = $1 THEN 'outgoing' ELSE 'incoming' END FROM friend_request
                    WHERE LEAST(from_id, to_id) = LEAST(them.id, $1)
                      AND GREATEST(from_id, to_id) = GREATEST(them.id, $1)), 'none')
  END`;

const SEEN = `them.id, them.handle, them.name, them.bio, them.created_at AS "createdAt", ${RELATION} AS friendship`;

/** null when there is nobody of that handle whom the viewer may see. */
export async function findSeenByHandle(db: Queryable, viewerId: string, handle: string): Promise<SeenUser | null> {
  const [user] = await db.query<SeenUser>({
    name: 'find-seen-by-handle',
    text: `SELECT ${SEEN} FROM account them WHERE them.handle = $2 AND ${VISIBLE}`,
    values: [viewerId, handle],
  });
  return user ?? null;
}

/** The same by id; inside a transaction it reads what the locks of the pair protect. */
export async function findSeenById(db: Queryable, viewerId: string, userId: string): Promise<SeenUser | null> {
  const [user] = await db.query<SeenUser>({
    name: 'find-seen-by-id',
    text: `SELECT ${SEEN} FROM account them WHERE them.id = $2 AND ${VISIBLE}`,
    values: [viewerId, userId],
  });
  return user ?? null;
}

/** Everybody by handle, after `after` (excluded). */
export async function listSeen(
  db: Queryable,
  viewerId: string,
  page: { after: string; limit: number },
): Promise<SeenUser[]> {
  return db.query<SeenUser>({
    name: 'list-seen',
    text: `SELECT ${SEEN} FROM account them WHERE them.handle > $2 AND ${VISIBLE} ORDER BY them.handle LIMIT $3`,
    values: [viewerId, page.after, page.limit],
  });
}

export interface FoundUser extends SeenUser {
  /** The word of this person that begins with the first prefix. */
  readonly term: string;
}

/** Past every word that begins with a prefix, in the order of "C". */
const LAST_CHARACTER = '\u{10ffff}';

/**
 * People of whom each prefix begins some word; ordered by the least word that the first prefix begins (so whole words come
 * first), then by handle. One range of the index of words is read, however many people there are.
 *
 * @param page.prefixes at least one, in lower case
 */
export async function searchSeen(
  db: Queryable,
  viewerId: string,
  page: { prefixes: readonly string[]; after: { term: string; handle: string }; limit: number },
): Promise<FoundUser[]> {
  const [first, ...others] = page.prefixes;
  return db.query<FoundUser>({
    name: 'search-seen',
    text: `
      SELECT found.term, ${SEEN}
        FROM search_term found JOIN account them ON them.id = found.user_id
       WHERE found.term >= $2 AND found.term < $3 AND (found.term, found.handle) > ($4, $5)
         AND NOT EXISTS (SELECT FROM search_term lesser
                          WHERE lesser.user_id = found.user_id AND lesser.term >= $2 AND lesser.term < found.term)
         AND NOT EXISTS (SELECT FROM unnest($6::text[]) AS wanted (prefix)
                          WHERE NOT EXISTS (SELECT FROM search_term word
                                             WHERE word.user_id = found.user_id AND word.term >= wanted.prefix
                                               AND word.term < wanted.prefix || '${LAST_CHARACTER}'))
         AND ${VISIBLE}
       ORDER BY found.term, found.handle
       LIMIT $7`,
    values: [viewerId, first, `${first}${LAST_CHARACTER}`, page.after.term, page.after.handle, others, page.limit],
  });
}

/** The words by which a person is found, as they are from now on. */
export async function replaceSearchTerms(
  db: Queryable,
  person: { id: string; handle: string; terms: readonly string[] },
): Promise<void> {
  await db.query('DELETE FROM search_term WHERE user_id = $1', [person.id]);
  await db.query(
    'INSERT INTO search_term (term, handle, user_id) SELECT term, $2, $1 FROM unnest($3::text[]) AS term',
    [person.id, person.handle, person.terms],
  );
}

export interface Person {
  readonly id: string;
  readonly handle: string;
  readonly name: string;
}

/** Those of the handles that are people whom the viewer may see. */
export async function resolveSeen(db: Queryable, viewerId: string, handles: readonly string[]): Promise<Person[]> {
  return db.query<Person>({
    name: 'resolve-seen',
    text: `SELECT them.id, them.handle, them.name FROM account them
            WHERE them.handle = ANY ($2::text[]) AND ${VISIBLE} ORDER BY them.handle`,
    values: [viewerId, handles],
  });
}
