/** Blocking somebody: ends the friendship and any open request, and hides both from each other. */
import { refuse } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import { uuidv7 } from '@switchyard/kit/ids';
import { usersErrors } from '../../domain/errors.ts';
import { pairOf } from '../../domain/pair.ts';
import { accountGone, unknownUser } from '../../domain/refusals.ts';
import { countAccounts } from '../../store/accounts.ts';
import { findBlockedByHandle, insertBlock } from '../../store/blocks.ts';
import { deleteFriendship } from '../../store/friendships.ts';
import { lockPair } from '../../store/locks.ts';
import { findSeenByHandle, findSeenById } from '../../store/people.ts';
import { takeRequestOf } from '../../store/requests.ts';
import type { Users } from '../context.ts';
import { tellOfPair } from '../tell.ts';
import { transact } from '../transact.ts';

/** Blocking again changes nothing. Who is blocked by somebody does not see them, and so cannot block them either. */
export async function blockUser(users: Users, blockerId: string, handle: string): Promise<undefined | Refusal> {
  const other = await findSeenByHandle(users.db, blockerId, handle);
  if (other === null) {
    const blocked = await findBlockedByHandle(users.db, blockerId, handle);
    return blocked === null ? unknownUser(handle) : undefined;
  }
  if (other.id === blockerId) return refuse(usersErrors.SELF);
  const pair = pairOf(blockerId, other.id);
  return transact<undefined>(users.db, async (tx) => {
    await lockPair(tx, pair);
    if ((await countAccounts(tx, [blockerId])) === 0) return accountGone();
    if ((await findSeenById(tx, blockerId, other.id)) === null) {
      // blocked or deleted between the look and the lock
      return (await findBlockedByHandle(tx, blockerId, handle)) === null ? unknownUser(handle) : undefined;
    }
    await takeRequestOf(tx, pair);
    if (await deleteFriendship(tx, pair)) await tellOfPair(tx, 'parted', pair, pair);
    await insertBlock(tx, { id: uuidv7(users.now().getTime()), blockerId, blockedId: other.id });
    await tellOfPair(tx, 'blocked', pair, { blocker: blockerId, blocked: other.id });
    return undefined;
  });
}
