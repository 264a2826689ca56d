/** What Feeds knows of people: who they are, whom they see and whom they blocked. */
import type { Queryable } from '@switchyard/kit/postgres/database';

/** A person's own row in their circle is made with them, so that reading needs one rule for own and friends' posts. */
const NEW_PERSON = `
  WITH fresh AS (
    INSERT INTO person (id, handle, name) VALUES ($1, $2, $3)`;
const AND_CIRCLE = `
    RETURNING id
  )
  INSERT INTO circle (person_id, member_id) SELECT id, id FROM fresh ON CONFLICT DO NOTHING`;

export interface PersonRow {
  readonly id: string;
  readonly handle: string;
  readonly name: string;
}

/** As an event says; does nothing to somebody who was deleted. */
export const putPerson = (tx: Queryable, person: PersonRow): Promise<unknown> =>
  tx.query(
    `${NEW_PERSON}
    ON CONFLICT (id) DO UPDATE SET handle = excluded.handle, name = excluded.name WHERE person.deleted_at IS NULL
    ${AND_CIRCLE}`,
    [person.id, person.handle, person.name],
  );

/** As an identity token says, until the event arrives; does nothing to somebody who is known or was deleted. */
export const introducePerson = (tx: Queryable, person: PersonRow): Promise<unknown> =>
  tx.query(`${NEW_PERSON} ON CONFLICT (id) DO NOTHING ${AND_CIRCLE}`, [person.id, person.handle, person.name]);

/** Whether this person was deleted; false for somebody unknown. */
export async function isDeleted(db: Queryable, personId: string): Promise<boolean> {
  const [row] = await db.query<{ gone: boolean }>('SELECT deleted_at IS NOT NULL AS gone FROM person WHERE id = $1', [
    personId,
  ]);
  return row?.gone ?? false;
}

/**
 * Leaves a tombstone, whether or not the person was known. Waits for everything that the person is writing (it holds a lock on the row),
 * and everything that comes later finds the tombstone.
 */
export async function buryPerson(tx: Queryable, personId: string): Promise<void> {
  await tx.query('INSERT INTO person (id, deleted_at) VALUES ($1, now()) ON CONFLICT (id) DO NOTHING', [personId]);
  await tx.query('SELECT FROM person WHERE id = $1 FOR UPDATE', [personId]);
  await tx.query(
    'UPDATE person SET deleted_at = coalesce(deleted_at, now()), handle = NULL, name = NULL WHERE id = $1',
    [personId],
  );
  await tx.query('DELETE FROM block WHERE blocker_id = $1 OR blocked_id = $1', [personId]);
  await tx.query('INSERT INTO erasure (person_id) VALUES ($1) ON CONFLICT DO NOTHING', [personId]);
}

export const friendIds = async (db: Queryable, personId: string): Promise<string[]> =>
  (
    await db.query<{ member_id: string }>(
      'SELECT member_id FROM circle WHERE person_id = $1 AND member_id <> $1 ORDER BY member_id',
      [personId],
    )
  ).map((row) => row.member_id);

/** Both directions; nothing when one of the two was deleted. The caller holds the circles of both. */
export const putFriendship = (tx: Queryable, a: string, b: string): Promise<unknown> =>
  tx.query(
    `INSERT INTO circle (person_id, member_id)
     SELECT v.person_id, v.member_id FROM (VALUES ($1::uuid, $2::uuid), ($2, $1)) v(person_id, member_id)
     WHERE NOT EXISTS (SELECT FROM person WHERE id IN ($1, $2) AND deleted_at IS NOT NULL)
     ON CONFLICT DO NOTHING`,
    [a, b],
  );

/** Both directions. The caller holds the circles of all of them. */
export const removeFriendships = (tx: Queryable, personId: string, friends: readonly string[]): Promise<unknown> =>
  tx.query(
    `DELETE FROM circle WHERE (person_id = $1 AND member_id = ANY ($2::uuid[]))
       OR (person_id = ANY ($2::uuid[]) AND member_id = $1)`,
    [personId, friends],
  );

/** Somebody who was deleted sees nothing, not even their own. */
export const leaveOwnCircle = (tx: Queryable, personId: string): Promise<unknown> =>
  tx.query('DELETE FROM circle WHERE person_id = $1 AND member_id = $1', [personId]);

/** Every friendship and block; each person keeps themselves. The caller waits until nobody uses a circle. */
export async function forgetGraph(tx: Queryable): Promise<void> {
  await tx.query('DELETE FROM circle WHERE person_id <> member_id');
  await tx.query('DELETE FROM block');
}

/** Nothing when one of the two was deleted. */
export const putBlock = (tx: Queryable, blockerId: string, blockedId: string): Promise<unknown> =>
  tx.query(
    `INSERT INTO block (blocker_id, blocked_id) SELECT $1, $2
     WHERE NOT EXISTS (SELECT FROM person WHERE id IN ($1, $2) AND deleted_at IS NOT NULL)
     ON CONFLICT DO NOTHING`,
    [blockerId, blockedId],
  );

export const removeBlock = (tx: Queryable, blockerId: string, blockedId: string): Promise<unknown> =>
  tx.query('DELETE FROM block WHERE blocker_id = $1 AND blocked_id = $2', [blockerId, blockedId]);
