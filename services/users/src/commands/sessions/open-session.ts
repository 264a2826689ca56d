/** Signing in: checks a password and opens a session. */
import type { GrantedSession, SignIn } from '@switchyard/contracts/session';
import { isRefusal, refuse } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import { uuidv7 } from '@switchyard/kit/ids';
import { usersErrors } from '../../domain/errors.ts';
import { readLogin } from '../../domain/login.ts';
import { firstToken, formatToken, storedHash } from '../../domain/refresh-token.ts';
import { ENDED_KEPT_SECONDS, lapseOf, secondsUntil, SESSIONS_MAX } from '../../domain/session-lifetime.ts';
import { personOf } from '../../queries/shapes.ts';
import { findAccount, findCredentials, findPasswordHash, replacePasswordHash } from '../../store/accounts.ts';
import type { Credentials } from '../../store/accounts.ts';
import { lockAccount } from '../../store/locks.ts';
import { endSessionsBeyond, insertSession, purgeSessions } from '../../store/sessions.ts';
import type { Users } from '../context.ts';
import { transact } from '../transact.ts';

/** Refused in the same words, after the same work, whether login or password is wrong. */
export async function openSession(users: Users, signIn: SignIn): Promise<GrantedSession | Refusal> {
  const login = readLogin(signIn.login);
  const found = login === null ? null : await findCredentials(users.db, login);
  const checked = await users.passwords.check(signIn.password, found?.passwordHash ?? null);
  if (isRefusal(checked)) return checked;
  if (!checked.matches || found === null) return refuse(usersErrors.SIGN_IN_REFUSED);
  const verified = checked.outdated ? await rehashed(users, found, signIn.password) : found;
  return openFor(users, verified);
}

async function openFor(users: Users, verified: Credentials): Promise<GrantedSession | Refusal> {
  const now = users.now();
  const token = firstToken(users.random);
  const session = {
    id: uuidv7(now.getTime()),
    accountId: verified.userId,
    familyHash: storedHash(token.family),
    tokenHash: storedHash(token.secret),
    openedAt: now,
    lapsesAt: lapseOf(now, now),
  };
  return transact<GrantedSession>(users.db, async (tx) => {
    await lockAccount(tx, verified.userId);
    const account = await findAccount(tx, verified.userId);
    // a password that was changed since it was checked opens nothing: that change has just ended all other sessions
    if (account === null || (await findPasswordHash(tx, verified.userId)) !== verified.passwordHash)
      return refuse(usersErrors.SIGN_IN_REFUSED);
    await insertSession(tx, session);
    await endSessionsBeyond(tx, verified.userId, SESSIONS_MAX, now);
    await purgeSessions(tx, {
      lapsedBefore: now,
      toldBefore: new Date(now.getTime() - ENDED_KEPT_SECONDS * 1_000),
    });
    return {
      sessionId: session.id,
      user: personOf(account),
      refreshToken: formatToken(token),
      refreshExpiresInSeconds: secondsUntil(session.lapsesAt, now),
    };
  });
}

/** Stores the password with the parameters of today; that it could not be done now does not keep anybody out. */
async function rehashed(users: Users, found: Credentials, password: string): Promise<Credentials> {
  const next = await users.passwords.hash(password);
  if (isRefusal(next)) return found;
  const replaced = await replacePasswordHash(users.db, found.userId, { previous: found.passwordHash, next });
  return replaced ? { ...found, passwordHash: next } : found;
}
