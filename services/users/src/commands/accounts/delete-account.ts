/** Deleting one's account, with everything of it: here at once, elsewhere by the event. */
import { isRefusal, refuse } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import { eraseEvents } from '@switchyard/kit/events/outbox';
import { usersErrors } from '../../domain/errors.ts';
import { restedBefore } from '../../domain/handles.ts';
import { subjectOf } from '../../domain/pair.ts';
import { accountGone } from '../../domain/refusals.ts';
import { findAccount, findPasswordHash, removeAccount } from '../../store/accounts.ts';
import { toldPairsOf } from '../../store/friendships.ts';
import { releaseHandle } from '../../store/handles.ts';
import { lockAccount } from '../../store/locks.ts';
import { endSessionsOf } from '../../store/sessions.ts';
import type { Users } from '../context.ts';
import { tellOfUser } from '../tell.ts';
import { transact } from '../transact.ts';

/**
 * The handle rests (nobody gets it soon), the email address is free at once. One event says it all: an event for each of
 * 5,000 friendships would hold the log back for everybody while they are written.
 */
export async function deleteAccount(users: Users, userId: string, password: string): Promise<undefined | Refusal> {
  const stored = await findPasswordHash(users.db, userId);
  if (stored === null) return accountGone();
  const checked = await users.passwords.check(password, stored);
  if (isRefusal(checked)) return checked;
  if (!checked.matches) return refuse(usersErrors.PASSWORD_WRONG);
  return transact<undefined>(users.db, async (tx) => {
    await lockAccount(tx, userId);
    const account = await findAccount(tx, userId);
    if (account === null) return accountGone();
    if ((await findPasswordHash(tx, userId)) !== stored)
      return refuse(usersErrors.PASSWORD_WRONG, { detail: 'It was changed just now' });
    const now = users.now();
    await endSessionsOf(tx, userId, null, now);
    const pairs = await toldPairsOf(tx, userId);
    await releaseHandle(tx, { handle: account.handle, accountId: userId, now, restedBefore: restedBefore(now) });
    await removeAccount(tx, userId);
    await eraseEvents(tx, [userId, ...pairs.map(subjectOf)]);
    await tellOfUser(tx, 'deleted', { userId });
    return undefined;
  });
}
