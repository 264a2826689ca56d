/** Ending a friendship, from either side. */
import { refuse } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import { usersErrors } from '../../domain/errors.ts';
import { pairOf } from '../../domain/pair.ts';
import { deleteFriendship } from '../../store/friendships.ts';
import { lockPair } from '../../store/locks.ts';
import { findSeenByHandle } from '../../store/people.ts';
import type { Users } from '../context.ts';
import { tellOfPair } from '../tell.ts';
import { transact } from '../transact.ts';

export async function endFriendship(users: Users, userId: string, handle: string): Promise<undefined | Refusal> {
  const friend = await findSeenByHandle(users.db, userId, handle);
  if (friend?.friendship !== 'friends') return refuse(usersErrors.NOT_FRIENDS);
  const pair = pairOf(userId, friend.id);
  return transact<undefined>(users.db, async (tx) => {
    await lockPair(tx, pair);
    if (!(await deleteFriendship(tx, pair))) return refuse(usersErrors.NOT_FRIENDS);
    await tellOfPair(tx, 'parted', pair, pair);
    return undefined;
  });
}
