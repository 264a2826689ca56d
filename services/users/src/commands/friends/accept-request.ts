/** Accepting a friend request; again changes nothing and answers the same. */
import type { User } from '@switchyard/contracts/users';
import { refuse } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import { usersErrors } from '../../domain/errors.ts';
import { pairOf } from '../../domain/pair.ts';
import { userOf } from '../../queries/shapes.ts';
import { findAcceptedFrom } from '../../store/friendships.ts';
import { lockPair } from '../../store/locks.ts';
import { findSeenById } from '../../store/people.ts';
import { findRequest, takeRequest } from '../../store/requests.ts';
import type { Users } from '../context.ts';
import { transact } from '../transact.ts';
import { befriend } from './befriend.ts';

/** Only who was asked may accept; for anybody else the request does not exist. */
export async function acceptRequest(users: Users, userId: string, requestId: string): Promise<User | Refusal> {
  const open = await findRequest(users.db, requestId);
  if (open === null) return acceptedBefore(users, userId, requestId);
  if (open.toId !== userId) return requestUnknown();
  const pair = pairOf(open.fromId, open.toId);
  const accepted = await transact<User | 'gone'>(users.db, async (tx) => {
    await lockPair(tx, pair);
    if ((await takeRequest(tx, requestId)) === null) return 'gone';
    const refusal = await befriend(tx, pair, { requestId, by: userId, now: users.now() });
    if (refusal !== null) return refusal;
    const friend = await findSeenById(tx, userId, open.fromId);
    if (friend === null) throw new Error('a friendship began with somebody who is not there');
    return userOf(friend);
  });
  return accepted === 'gone' ? acceptedBefore(users, userId, requestId) : accepted;
}

async function acceptedBefore(users: Users, userId: string, requestId: string): Promise<User | Refusal> {
  const friendId = await findAcceptedFrom(users.db, userId, requestId);
  const friend = friendId === null ? null : await findSeenById(users.db, userId, friendId);
  return friend === null ? requestUnknown() : userOf(friend);
}

const requestUnknown = () => refuse(usersErrors.REQUEST_UNKNOWN);
