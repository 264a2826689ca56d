/** Sessions: hashes of their refresh tokens, and the list of those that ended. */
import type { Queryable, Transaction } from '@switchyard/kit/postgres/transaction';

export interface StoredSession {
  readonly id: string;
  readonly accountId: string;
  readonly tokenHash: Buffer;
  readonly openedAt: Date;
  readonly lapsesAt: Date;
}

export async function insertSession(tx: Transaction, session: StoredSession & { familyHash: Buffer }): Promise<void> {
  await tx.query(
    `INSERT INTO session (id, account_id, family_hash, token_hash, opened_at, used_at, lapses_at)
     VALUES ($1, $2, $3, $4, $5, $5, $6)`,
    [session.id, session.accountId, session.familyHash, session.tokenHash, session.openedAt, session.lapsesAt],
  );
}

/** Locked until the transaction ends, so that one rotation sees what another did. */
export async function lockSessionOfFamily(tx: Transaction, familyHash: Buffer): Promise<StoredSession | null> {
  const [session] = await tx.query<StoredSession>({
    name: 'lock-session-of-family',
    text: `SELECT id, account_id AS "accountId", token_hash AS "tokenHash", opened_at AS "openedAt", lapses_at AS "lapsesAt"
             FROM session WHERE family_hash = $1 FOR NO KEY UPDATE`,
    values: [familyHash],
  });
  return session ?? null;
}

/** Makes `next` the good token, remembers the one before with the salt that leads to it, forgets those rotated before `graceFrom`. */
export async function rotate(
  tx: Transaction,
  sessionId: string,
  rotation: { previous: Buffer; salt: Buffer; next: Buffer; now: Date; lapsesAt: Date; graceFrom: Date },
): Promise<void> {
  await tx.query('DELETE FROM rotated_token WHERE session_id = $1 AND rotated_at < $2', [
    sessionId,
    rotation.graceFrom,
  ]);
  await tx.query('INSERT INTO rotated_token (session_id, token_hash, salt, rotated_at) VALUES ($1, $2, $3, $4)', [
    sessionId,
    rotation.previous,
    rotation.salt,
    rotation.now,
  ]);
  await tx.query('UPDATE session SET token_hash = $2, used_at = $3, lapses_at = $4 WHERE id = $1', [
    sessionId,
    rotation.next,
    rotation.now,
    rotation.lapsesAt,
  ]);
}

/** The salt of a token that was rotated at `graceFrom` or later. */
export async function findSaltOfRotated(
  tx: Transaction,
  sessionId: string,
  rotated: { tokenHash: Buffer; graceFrom: Date },
): Promise<Buffer | null> {
  const [row] = await tx.query<{ salt: Buffer }>(
    'SELECT salt FROM rotated_token WHERE session_id = $1 AND token_hash = $2 AND rotated_at >= $3',
    [sessionId, rotated.tokenHash, rotated.graceFrom],
  );
  return row?.salt ?? null;
}

const RECORDED = `INSERT INTO ended_session (session_id, ended_at) SELECT id, $1 FROM gone`;

export async function endSession(tx: Transaction, sessionId: string, now: Date): Promise<void> {
  await tx.query(`WITH gone AS (DELETE FROM session WHERE id = $2 RETURNING id) ${RECORDED}`, [now, sessionId]);
}

/** @param keep the one that goes on, null for none */
export async function endSessionsOf(tx: Transaction, accountId: string, keep: string | null, now: Date): Promise<void> {
  await tx.query(
    `WITH gone AS (DELETE FROM session WHERE account_id = $2 AND id IS DISTINCT FROM $3::uuid RETURNING id) ${RECORDED}`,
    [now, accountId, keep],
  );
}

/** Ends those of an account that were used least lately, so that `kept` remain. */
export async function endSessionsBeyond(tx: Transaction, accountId: string, kept: number, now: Date): Promise<void> {
  await tx.query(
    `WITH gone AS (DELETE FROM session WHERE id IN (
       SELECT id FROM session WHERE account_id = $2 ORDER BY used_at DESC, id DESC OFFSET $3) RETURNING id) ${RECORDED}`,
    [now, accountId, kept],
  );
}

const PURGED_AT_ONCE = 100;

/** Forgets some sessions that lapsed by themselves, and some whose end has been told for long enough. */
export async function purgeSessions(tx: Transaction, purge: { lapsedBefore: Date; toldBefore: Date }): Promise<void> {
  await tx.query(
    `DELETE FROM session WHERE id IN (
       SELECT id FROM session WHERE lapses_at < $1 LIMIT ${PURGED_AT_ONCE} FOR UPDATE SKIP LOCKED)`,
    [purge.lapsedBefore],
  );
  await tx.query(
    `DELETE FROM ended_session WHERE (txid, position) IN (
       SELECT txid, position FROM ended_session WHERE ended_at < $1 LIMIT ${PURGED_AT_ONCE} FOR UPDATE SKIP LOCKED)`,
    [purge.toldBefore],
  );
}

/** A place in the list of ended sessions; numbers as text, they may pass 2^53. */
export interface EndedPosition {
  readonly txid: string;
  readonly position: string;
}

export interface EndedSession extends EndedPosition {
  readonly sessionId: string;
}

/** Below every transaction that still runs: nothing will be added before it. */
export async function endedHorizon(db: Queryable): Promise<string> {
  const [row] = await db.query<{ horizon: string }>('SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS horizon');
  return row!.horizon;
}

/** In order, after `after`, ended at `since` or later. */
export async function listEnded(
  db: Queryable,
  list: { after: EndedPosition; since: Date; limit: number },
): Promise<EndedSession[]> {
  return db.query<EndedSession>(
    `SELECT txid::text AS txid, position::text AS position, session_id AS "sessionId"
       FROM ended_session
      WHERE (txid, position) > ($1::xid8, $2::bigint) AND ended_at >= $3
      ORDER BY txid, position LIMIT $4`,
    [list.after.txid, list.after.position, list.since, list.limit],
  );
}
