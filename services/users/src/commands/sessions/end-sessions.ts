/** Signing out: ends one session, or all of a user. */
import type { endSessions as endSessionsBody } from '@switchyard/contracts/session';
import type { z } from 'zod';
import { endSession, endSessionsOf } from '../../store/sessions.ts';
import { lockAccount } from '../../store/locks.ts';
import type { Users } from '../context.ts';

/** What is not there has ended already. */
export async function endSessions(users: Users, which: z.infer<typeof endSessionsBody>): Promise<void> {
  const now = users.now();
  await users.db.transaction(async (tx) => {
    if ('sessionId' in which) return endSession(tx, which.sessionId, now);
    await lockAccount(tx, which.allOfUser);
    await endSessionsOf(tx, which.allOfUser, null, now);
  });
}
