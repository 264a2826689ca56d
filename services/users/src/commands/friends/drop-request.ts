/** Declining a friend request, or taking it back: it is gone, and nobody is told. */
import { refuse } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import { usersErrors } from '../../domain/errors.ts';
import { pairOf } from '../../domain/pair.ts';
import { lockPair } from '../../store/locks.ts';
import { findRequest, takeRequest } from '../../store/requests.ts';
import type { Users } from '../context.ts';
import { transact } from '../transact.ts';

export async function dropRequest(users: Users, userId: string, requestId: string): Promise<undefined | Refusal> {
  const open = await findRequest(users.db, requestId);
  if (open === null || (open.fromId !== userId && open.toId !== userId)) return refuse(usersErrors.REQUEST_UNKNOWN);
  return transact<undefined>(users.db, async (tx) => {
    await lockPair(tx, pairOf(open.fromId, open.toId));
    if ((await takeRequest(tx, requestId)) === null) return refuse(usersErrors.REQUEST_UNKNOWN);
    return undefined;
  });
}
