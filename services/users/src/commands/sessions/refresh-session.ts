/** Rotating a refresh token; one that is presented too late ends its whole family. */
import { timingSafeEqual } from 'node:crypto';
import { REFRESH_GRACE_SECONDS } from '@switchyard/contracts/session';
import type { GrantedSession } from '@switchyard/contracts/session';
import { refuse } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import type { Transaction } from '@switchyard/kit/postgres/database';
import { usersErrors } from '../../domain/errors.ts';
import { formatToken, newSalt, parseToken, storedHash, successorOf } from '../../domain/refresh-token.ts';
import type { RefreshToken } from '../../domain/refresh-token.ts';
import { lapseOf, secondsUntil } from '../../domain/session-lifetime.ts';
import { personOf } from '../../queries/shapes.ts';
import { findAccount } from '../../store/accounts.ts';
import { endSession, findSaltOfRotated, lockSessionOfFamily, rotate } from '../../store/sessions.ts';
import type { StoredSession } from '../../store/sessions.ts';
import type { Users } from '../context.ts';
import { transact } from '../transact.ts';

/**
 * Presented again within the grace of its rotation, a token leads to the successor that it led to before.
 * A family key whose secret is neither the good one nor rotated just now can only come from somebody who kept an old
 * token of the family (RFC 9700 section 4.14.2): the family ends, and so do its access tokens.
 *
 * Where nobody waits for the answer any more nothing is rotated: the successor would be lost, and the next one to present the token,
 * some time after its grace, would look like a thief. It happens when this process or its database stood still for a while.
 */
export async function refreshSession(
  users: Users,
  written: string,
  isAwaited: () => Promise<boolean>,
): Promise<GrantedSession | Refusal> {
  const token = parseToken(written);
  if (token === null) return refreshRefused();
  const granted = await transact<GrantedSession | null>(users.db, async (tx) => {
    const session = await lockSessionOfFamily(tx, storedHash(token.family));
    if (session === null) return null;
    const now = users.now();
    if (session.lapsesAt <= now) {
      await endSession(tx, session.id, now);
      return null;
    }
    const next = await successor(tx, users, { session, token, now });
    if (next === null) return endedByReplay(tx, session, now);
    return (await isAwaited()) ? next : refreshRefused();
  });
  return granted ?? refreshRefused();
}

async function successor(
  tx: Transaction,
  users: Users,
  presented: { session: StoredSession; token: RefreshToken; now: Date },
): Promise<GrantedSession | null> {
  const { session, token, now } = presented;
  const graceFrom = new Date(now.getTime() - REFRESH_GRACE_SECONDS * 1_000);
  const presentedHash = storedHash(token.secret);
  if (!timingSafeEqual(presentedHash, session.tokenHash)) {
    const salt = await findSaltOfRotated(tx, session.id, { tokenHash: presentedHash, graceFrom });
    return salt === null ? null : grant(tx, session, successorOf(token, salt), now, session.lapsesAt);
  }
  const salt = newSalt(users.random);
  const next = successorOf(token, salt);
  const lapsesAt = lapseOf(session.openedAt, now);
  const hashes = { previous: presentedHash, salt, next: storedHash(next.secret) };
  await rotate(tx, session.id, { ...hashes, now, lapsesAt, graceFrom });
  return grant(tx, session, next, now, lapsesAt);
}

async function grant(
  tx: Transaction,
  session: StoredSession,
  token: RefreshToken,
  now: Date,
  lapsesAt: Date,
): Promise<GrantedSession> {
  const account = await findAccount(tx, session.accountId);
  if (account === null) throw new Error('a session without its account');
  return {
    sessionId: session.id,
    user: personOf(account),
    refreshToken: formatToken(token),
    refreshExpiresInSeconds: secondsUntil(lapsesAt, now),
  };
}

async function endedByReplay(tx: Transaction, session: StoredSession, now: Date): Promise<null> {
  await endSession(tx, session.id, now);
  return null;
}

const refreshRefused = () => refuse(usersErrors.REFRESH_REFUSED);
