/** Changing one's name, bio or handle. */
import type { OwnUser, updateUser } from '@switchyard/contracts/users';
import type { Refusal } from '@switchyard/kit/errors';
import type { Transaction } from '@switchyard/kit/postgres/database';
import type { z } from 'zod';
import { isReservedHandle, restedBefore } from '../../domain/handles.ts';
import { tidyBio, tidyName } from '../../domain/profile.ts';
import { accountGone, handleReserved, handleTaken } from '../../domain/refusals.ts';
import { searchTerms } from '../../domain/search-terms.ts';
import { ownUserOf } from '../../queries/shapes.ts';
import { findAccount, updateAccount } from '../../store/accounts.ts';
import type { Account } from '../../store/accounts.ts';
import { renameFriend } from '../../store/friendships.ts';
import { claimHandle, releaseHandle } from '../../store/handles.ts';
import { lockAccount } from '../../store/locks.ts';
import { replaceSearchTerms } from '../../store/people.ts';
import type { Users } from '../context.ts';
import { tellOfUser } from '../tell.ts';
import { transact } from '../transact.ts';

export async function updateProfile(
  users: Users,
  userId: string,
  changes: z.infer<typeof updateUser>,
): Promise<OwnUser | Refusal> {
  return transact<OwnUser>(users.db, async (tx) => {
    await lockAccount(tx, userId);
    const before = await findAccount(tx, userId);
    if (before === null) return accountGone();
    const after: Account = {
      ...before,
      handle: changes.handle ?? before.handle,
      name: changes.name === undefined ? before.name : tidyName(changes.name),
      bio: changes.bio === undefined ? before.bio : tidyBio(changes.bio),
    };
    if (after.handle !== before.handle) {
      const refusal = await changeHandle(tx, before, after, users.now());
      if (refusal !== null) return refusal;
    }
    await updateAccount(tx, after);
    if (after.handle !== before.handle || after.name !== before.name) {
      await replaceSearchTerms(tx, { ...after, terms: searchTerms(after.handle, after.name) });
      await tellOfUser(tx, 'changed', { userId, handle: after.handle, name: after.name });
    }
    return ownUserOf(after);
  });
}

async function changeHandle(tx: Transaction, before: Account, after: Account, now: Date): Promise<Refusal | null> {
  if (isReservedHandle(after.handle)) return handleReserved(after.handle);
  const rested = { accountId: before.id, restedBefore: restedBefore(now) };
  if (!(await claimHandle(tx, { ...rested, handle: after.handle }))) return handleTaken(after.handle);
  await releaseHandle(tx, { ...rested, handle: before.handle, now });
  await renameFriend(tx, before.id, after.handle);
  return null;
}
