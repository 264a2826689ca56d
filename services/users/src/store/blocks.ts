/** Who blocked whom. */
import type { Queryable, Transaction } from '@switchyard/kit/postgres/transaction';
import type { Person } from './people.ts';

/** @returns false when it stood already */
export async function insertBlock(
  tx: Transaction,
  block: { id: string; blockerId: string; blockedId: string },
): Promise<boolean> {
  const rows = await tx.query(
    'INSERT INTO block (id, blocker_id, blocked_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING id',
    [block.id, block.blockerId, block.blockedId],
  );
  return rows.length === 1;
}

/** @returns whether there was one */
export async function deleteBlock(tx: Transaction, blockerId: string, blockedId: string): Promise<boolean> {
  const rows = await tx.query('DELETE FROM block WHERE blocker_id = $1 AND blocked_id = $2 RETURNING id', [
    blockerId,
    blockedId,
  ]);
  return rows.length === 1;
}

/** Somebody whom `blockerId` has blocked, and who can therefore be found in no other way. */
export async function findBlockedByHandle(db: Queryable, blockerId: string, handle: string): Promise<Person | null> {
  const [person] = await db.query<Person>(
    `SELECT them.id, them.handle, them.name FROM account them
      WHERE them.handle = $2 AND EXISTS (SELECT FROM block WHERE blocker_id = $1 AND blocked_id = them.id)`,
    [blockerId, handle],
  );
  return person ?? null;
}

export interface BlockedPerson extends Person {
  readonly blockId: string;
}

/** Newest first, before `before` (excluded; null: from the newest). */
export async function listBlockedBy(
  db: Queryable,
  blockerId: string,
  page: { before: string | null; limit: number },
): Promise<BlockedPerson[]> {
  return db.query<BlockedPerson>(
    `SELECT block.id AS "blockId", them.id, them.handle, them.name
       FROM block JOIN account them ON them.id = block.blocked_id
      WHERE block.blocker_id = $1 AND block.id < COALESCE($2, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
      ORDER BY block.id DESC LIMIT $3`,
    [blockerId, page.before, page.limit],
  );
}
