/** Asking somebody for friendship; a request that crosses theirs makes friends at once. */
import { FRIENDS_MAX, OPEN_REQUESTS_MAX } from '@switchyard/contracts/users';
import type { askedFriend } from '@switchyard/contracts/users';
import { refuse } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import { uuidv7 } from '@switchyard/kit/ids';
import type { Transaction } from '@switchyard/kit/postgres/database';
import type { z } from 'zod';
import { usersErrors } from '../../domain/errors.ts';
import { askingWhen } from '../../domain/friendship.ts';
import { pairOf } from '../../domain/pair.ts';
import { accountGone, unknownUser } from '../../domain/refusals.ts';
import { personOf } from '../../queries/shapes.ts';
import { findAccount } from '../../store/accounts.ts';
import { mostFriends } from '../../store/friendships.ts';
import { lockPair } from '../../store/locks.ts';
import { findSeenByHandle, findSeenById } from '../../store/people.ts';
import { countOpenFrom, insertRequest, takeRequestOf } from '../../store/requests.ts';
import type { Users } from '../context.ts';
import { transact } from '../transact.ts';
import { befriend, tooManyFriends } from './befriend.ts';

export type AskedFriend = z.infer<typeof askedFriend>;

/** The request's id is that of the crossed one where it makes friends. */
export async function askFriend(users: Users, askerId: string, handle: string): Promise<AskedFriend | Refusal> {
  const found = await findSeenByHandle(users.db, askerId, handle);
  if (found === null) return unknownUser(handle);
  if (found.id === askerId) return refuse(usersErrors.SELF);
  const pair = pairOf(askerId, found.id);
  return transact<AskedFriend>(users.db, async (tx) => {
    await lockPair(tx, pair);
    const asker = await findAccount(tx, askerId);
    if (asker === null) return accountGone();
    const other = await findSeenById(tx, askerId, found.id);
    if (other === null) return unknownUser(handle);
    const now = users.now();
    const people = { from: personOf(asker), to: personOf(other), createdAt: now.toISOString() };
    const asking = askingWhen(other.friendship);
    if (asking.outcome === 'refuse') return refuse(asking.error);
    if (asking.outcome === 'befriend') {
      const crossed = (await takeRequestOf(tx, pair))!;
      const refusal = await befriend(tx, pair, { requestId: crossed.id, by: askerId, now });
      return refusal ?? { status: 'friends', id: crossed.id, ...people };
    }
    const refusal = await refusalOfMore(tx, askerId, other.id);
    if (refusal !== null) return refusal;
    const request = { id: uuidv7(now.getTime()), fromId: askerId, toId: other.id, createdAt: now };
    await insertRequest(tx, request);
    return { status: 'requested', id: request.id, ...people };
  });
}

/** Friendship counts again when the request is accepted; asking in vain is refused here already. */
async function refusalOfMore(tx: Transaction, askerId: string, otherId: string): Promise<Refusal | null> {
  if ((await mostFriends(tx, pairOf(askerId, otherId))) >= FRIENDS_MAX) return tooManyFriends();
  return (await countOpenFrom(tx, askerId)) >= OPEN_REQUESTS_MAX
    ? refuse(usersErrors.TOO_MANY_REQUESTS, { detail: `${OPEN_REQUESTS_MAX} at most; take some back` })
    : null;
}
