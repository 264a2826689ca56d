/** Makes two people friends, inside a transaction that holds the lock of their pair. */
import { FRIENDS_MAX } from '@switchyard/contracts/users';
import { refuse } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import type { Transaction } from '@switchyard/kit/postgres/database';
import { usersErrors } from '../../domain/errors.ts';
import type { Pair } from '../../domain/pair.ts';
import { insertFriendship, mostFriends } from '../../store/friendships.ts';
import { lockFriendCounts } from '../../store/locks.ts';
import { tellOfPair } from '../tell.ts';

/** @param accepted the request that is accepted, already removed, and who accepts it */
export async function befriend(
  tx: Transaction,
  pair: Pair,
  accepted: { requestId: string; by: string; now: Date },
): Promise<Refusal | null> {
  await lockFriendCounts(tx, pair);
  if ((await mostFriends(tx, pair)) >= FRIENDS_MAX) return tooManyFriends();
  await insertFriendship(tx, pair, accepted);
  await tellOfPair(tx, 'befriended', pair, pair);
  return null;
}

export const tooManyFriends = (): Refusal => refuse(usersErrors.TOO_MANY_FRIENDS, { detail: `${FRIENDS_MAX} at most` });
