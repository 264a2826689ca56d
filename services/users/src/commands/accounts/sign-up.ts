/** Signing up: makes an account. */
import type { createUser, OwnUser } from '@switchyard/contracts/users';
import { isRefusal, refuse } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import { uuidv7 } from '@switchyard/kit/ids';
import type { z } from 'zod';
import { usersErrors } from '../../domain/errors.ts';
import { isReservedHandle, restedBefore } from '../../domain/handles.ts';
import { tidyName } from '../../domain/profile.ts';
import { handleReserved, handleTaken } from '../../domain/refusals.ts';
import { searchTerms } from '../../domain/search-terms.ts';
import { ownUserOf } from '../../queries/shapes.ts';
import { insertAccount, takenOf } from '../../store/accounts.ts';
import { claimHandle } from '../../store/handles.ts';
import { replaceSearchTerms } from '../../store/people.ts';
import type { Users } from '../context.ts';
import { tellOfUser } from '../tell.ts';
import { transact } from '../transact.ts';

export async function signUp(users: Users, wanted: z.infer<typeof createUser>): Promise<OwnUser | Refusal> {
  if (isReservedHandle(wanted.handle)) return handleReserved(wanted.handle);
  // asked before the password is hashed, which costs far more; the insert below is what decides
  const taken = await refusalOfTaken(users, wanted);
  if (taken !== null) return taken;
  const passwordHash = await users.passwords.hash(wanted.password);
  if (isRefusal(passwordHash)) return passwordHash;

  const now = users.now();
  const account = {
    id: uuidv7(now.getTime()),
    handle: wanted.handle,
    name: tidyName(wanted.name),
    bio: '',
    email: wanted.email,
    createdAt: now,
  };
  return transact<OwnUser>(users.db, async (tx) => {
    if (!(await insertAccount(tx, account, passwordHash)))
      return (await refusalOfTaken({ db: tx }, wanted)) ?? refuse(usersErrors.HANDLE_TAKEN);
    const claim = { handle: account.handle, accountId: account.id, restedBefore: restedBefore(now) };
    if (!(await claimHandle(tx, claim))) return handleTaken(account.handle);
    await replaceSearchTerms(tx, { ...account, terms: searchTerms(account.handle, account.name) });
    await tellOfUser(tx, 'registered', {
      userId: account.id,
      handle: account.handle,
      name: account.name,
      createdAt: now.toISOString(),
    });
    return ownUserOf(account);
  });
}

async function refusalOfTaken(
  where: { db: Parameters<typeof takenOf>[0] },
  wanted: { handle: string; email: string },
): Promise<Refusal | null> {
  const taken = await takenOf(where.db, wanted);
  if (taken.handle) return handleTaken(wanted.handle);
  return taken.email ? refuse(usersErrors.EMAIL_TAKEN, { detail: 'Sign in, or use another address' }) : null;
}
