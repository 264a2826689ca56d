/** Taking a block back; the friendship does not return. */
import type { Refusal } from '@switchyard/kit/errors';
import { pairOf } from '../../domain/pair.ts';
import { unknownUser } from '../../domain/refusals.ts';
import { deleteBlock, findBlockedByHandle } from '../../store/blocks.ts';
import { lockPair } from '../../store/locks.ts';
import { findSeenByHandle } from '../../store/people.ts';
import type { Users } from '../context.ts';
import { tellOfPair } from '../tell.ts';
import { transact } from '../transact.ts';

/** Where there is no block nothing changes. */
export async function unblockUser(users: Users, blockerId: string, handle: string): Promise<undefined | Refusal> {
  const blocked = await findBlockedByHandle(users.db, blockerId, handle);
  if (blocked === null)
    return (await findSeenByHandle(users.db, blockerId, handle)) === null ? unknownUser(handle) : undefined;
  const pair = pairOf(blockerId, blocked.id);
  return transact<undefined>(users.db, async (tx) => {
    await lockPair(tx, pair);
    if (await deleteBlock(tx, blockerId, blocked.id))
      await tellOfPair(tx, 'unblocked', pair, { blocker: blockerId, blocked: blocked.id });
    return undefined;
  });
}
