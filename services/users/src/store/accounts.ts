/** Rows of accounts: made, found, changed, removed. */
import type { Queryable, Transaction } from '@switchyard/kit/postgres/transaction';
import type { Login } from '../domain/login.ts';

export interface Account {
  readonly id: string;
  readonly handle: string;
  readonly name: string;
  readonly bio: string;
  readonly email: string;
  readonly createdAt: Date;
}

const ACCOUNT = 'id, handle, name, bio, email, created_at AS "createdAt"';

/** Which of the two is taken, by anybody. A resting handle does not count here. */
export async function takenOf(
  db: Queryable,
  wanted: { handle: string; email: string },
): Promise<{ handle: boolean; email: boolean }> {
  const [taken] = await db.query<{ handle: boolean; email: boolean }>(
    `SELECT EXISTS (SELECT FROM account WHERE handle = $1) AS handle,
            EXISTS (SELECT FROM account WHERE lower(email) = lower($2)) AS email`,
    [wanted.handle, wanted.email],
  );
  return taken!;
}

/** @returns false when handle or email are taken; then nothing was written */
export async function insertAccount(tx: Transaction, account: Account, passwordHash: string): Promise<boolean> {
  const rows = await tx.query(
    `INSERT INTO account (id, handle, name, bio, email, password_hash, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING id`,
    [account.id, account.handle, account.name, account.bio, account.email, passwordHash, account.createdAt],
  );
  return rows.length === 1;
}

export async function findAccount(db: Queryable, userId: string): Promise<Account | null> {
  const [account] = await db.query<Account>({
    name: 'find-account',
    text: `SELECT ${ACCOUNT} FROM account WHERE id = $1`,
    values: [userId],
  });
  return account ?? null;
}

export interface Credentials {
  readonly userId: string;
  readonly passwordHash: string;
}

export async function findCredentials(db: Queryable, login: Login): Promise<Credentials | null> {
  const column = login.by === 'handle' ? 'handle' : 'lower(email)';
  const [found] = await db.query<Credentials>({
    name: `find-credentials-by-${login.by}`,
    text: `SELECT id AS "userId", password_hash AS "passwordHash" FROM account WHERE ${column} = $1`,
    values: [login.value],
  });
  return found ?? null;
}

export async function findPasswordHash(db: Queryable, userId: string): Promise<string | null> {
  const [found] = await db.query<{ passwordHash: string }>(
    'SELECT password_hash AS "passwordHash" FROM account WHERE id = $1',
    [userId],
  );
  return found?.passwordHash ?? null;
}

/** Stores `next` only where `previous` is still stored, so that two changes at once cannot both be right. */
export async function replacePasswordHash(
  db: Queryable,
  userId: string,
  hashes: { previous: string; next: string },
): Promise<boolean> {
  const rows = await db.query(
    'UPDATE account SET password_hash = $3 WHERE id = $1 AND password_hash = $2 RETURNING id',
    [userId, hashes.previous, hashes.next],
  );
  return rows.length === 1;
}

export async function updateAccount(tx: Transaction, account: Account): Promise<void> {
  await tx.query('UPDATE account SET handle = $2, name = $3, bio = $4 WHERE id = $1', [
    account.id,
    account.handle,
    account.name,
    account.bio,
  ]);
}

/** With everything that refers to it: friendships, requests, blocks, sessions, words to be found by. */
export async function removeAccount(tx: Transaction, userId: string): Promise<void> {
  await tx.query('DELETE FROM account WHERE id = $1', [userId]);
}

/** Which of these accounts exist. */
export async function countAccounts(db: Queryable, userIds: readonly string[]): Promise<number> {
  const [row] = await db.query<{ found: number }>({
    name: 'count-accounts',
    text: 'SELECT count(*)::int AS found FROM account WHERE id = ANY ($1::uuid[])',
    values: [userIds],
  });
  return row!.found;
}
