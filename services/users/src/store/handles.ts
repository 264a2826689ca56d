/** Who holds which handle, and which rest. */
import type { Transaction } from '@switchyard/kit/postgres/transaction';

/** Resting handles of one account that are kept for it; beyond, those given up first are free at once. */
const RESTING_MAX = 10;
const PURGED_AT_ONCE = 100;

/**
 * Takes a handle for an account. A rested one is free if it was released before `restedBefore`, or by the same account.
 *
 * @returns false when somebody else holds it, or held it lately
 */
export async function claimHandle(
  tx: Transaction,
  claim: { handle: string; accountId: string; restedBefore: Date },
): Promise<boolean> {
  const rows = await tx.query(
    `INSERT INTO handle_claim (handle, account_id) VALUES ($1, $2)
     ON CONFLICT (handle) DO UPDATE SET account_id = excluded.account_id, released_at = NULL
       WHERE handle_claim.released_at < $3
          OR (handle_claim.released_at IS NOT NULL AND handle_claim.account_id = excluded.account_id)
     RETURNING handle`,
    [claim.handle, claim.accountId, claim.restedBefore],
  );
  return rows.length === 1;
}

/** Lets a handle rest from `now` on, and forgets some that have rested long enough. */
export async function releaseHandle(
  tx: Transaction,
  release: { handle: string; accountId: string; now: Date; restedBefore: Date },
): Promise<void> {
  await tx.query('UPDATE handle_claim SET released_at = $2 WHERE handle = $1', [release.handle, release.now]);
  await tx.query(
    `DELETE FROM handle_claim WHERE handle IN (
       SELECT handle FROM handle_claim WHERE account_id = $1 AND released_at IS NOT NULL
        ORDER BY released_at DESC, handle OFFSET ${RESTING_MAX})`,
    [release.accountId],
  );
  await tx.query(
    `DELETE FROM handle_claim WHERE handle IN (
       SELECT handle FROM handle_claim WHERE released_at < $1 LIMIT ${PURGED_AT_ONCE} FOR UPDATE SKIP LOCKED)`,
    [release.restedBefore],
  );
}
