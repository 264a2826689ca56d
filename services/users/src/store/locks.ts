/**
 * Locks that put changes about the same people one after another, always taken before a transaction writes anything.
 *
 * There are three classes, taken in this order, and within a class in the order of the keys: accounts, pairs, friend counts.
 * That order is why no two transactions wait for each other. Advisory locks, unlike row locks, need no transaction id: ids are
 * thus given in the order in which the locks are had, and the event log, which is read in that order, tells things as they happened.
 */
import type { Transaction } from '@switchyard/kit/postgres/transaction';
import type { Pair } from '../domain/pair.ts';

const PAIR = 0x50_41_49_52n;
const FRIEND_COUNT = 0x46_52_4e_44n;

/** Nothing else changes this account, or anything between it and somebody else, until the transaction ends. */
export async function lockAccount(tx: Transaction, userId: string): Promise<void> {
  await tx.query('SELECT pg_advisory_xact_lock($1::bigint)', [keyOf(userId)]);
}

/** Nothing else changes anything between these two; each may meanwhile deal with others, but neither account is changed or deleted. */
export async function lockPair(tx: Transaction, pair: Pair): Promise<void> {
  const accounts = inOrder([keyOf(pair.a), keyOf(pair.b)]);
  await tx.query({
    name: 'lock-pair',
    text: `SELECT CASE WHEN shared THEN pg_advisory_xact_lock_shared(key) ELSE pg_advisory_xact_lock(key) END
             FROM unnest($1::bigint[], $2::boolean[]) AS wanted (key, shared)`,
    values: [
      [...accounts, BigInt.asIntN(64, keyOf(pair.a) ^ (keyOf(pair.b) << 1n) ^ PAIR)].map(String),
      [true, true, false],
    ],
  });
}

/** Neither gets another friend until the transaction ends. After lockPair. */
export async function lockFriendCounts(tx: Transaction, pair: Pair): Promise<void> {
  const counts = inOrder([keyOf(pair.a), keyOf(pair.b)].map((key) => BigInt.asIntN(64, key ^ FRIEND_COUNT)));
  await tx.query({
    name: 'lock-friend-counts',
    text: 'SELECT pg_advisory_xact_lock(key) FROM unnest($1::bigint[]) AS wanted (key)',
    values: [counts.map(String)],
  });
}

/** The last 64 bits of a UUIDv7: its variant and 62 random bits. */
const keyOf = (uuid: string): bigint => BigInt.asIntN(64, BigInt(`0x${uuid.slice(19).replaceAll('-', '')}`));

const inOrder = (keys: bigint[]): bigint[] => keys.toSorted((one, other) => (one < other ? -1 : Number(one > other)));
