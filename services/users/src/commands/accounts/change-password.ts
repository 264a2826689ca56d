/** Changing one's password, which ends every other session. */
import { isRefusal, refuse } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import { usersErrors } from '../../domain/errors.ts';
import { accountGone } from '../../domain/refusals.ts';
import { findPasswordHash, replacePasswordHash } from '../../store/accounts.ts';
import { lockAccount } from '../../store/locks.ts';
import { endSessionsOf } from '../../store/sessions.ts';
import type { Users } from '../context.ts';
import { transact } from '../transact.ts';

/** @param sessionId the session it is asked from, which goes on */
export async function changePassword(
  users: Users,
  asker: { userId: string; sessionId: string },
  passwords: { current: string; next: string },
): Promise<undefined | Refusal> {
  const stored = await findPasswordHash(users.db, asker.userId);
  if (stored === null) return accountGone();
  const checked = await users.passwords.check(passwords.current, stored);
  if (isRefusal(checked)) return checked;
  if (!checked.matches) return refuse(usersErrors.PASSWORD_WRONG);
  const next = await users.passwords.hash(passwords.next);
  if (isRefusal(next)) return next;
  return transact<undefined>(users.db, async (tx) => {
    await lockAccount(tx, asker.userId);
    if (!(await replacePasswordHash(tx, asker.userId, { previous: stored, next })))
      return refuse(usersErrors.PASSWORD_WRONG, { detail: 'It was changed just now' });
    await endSessionsOf(tx, asker.userId, asker.sessionId, users.now());
    return undefined;
  });
}
