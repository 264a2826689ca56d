/** One's own account, with what nobody else may see. */
import type { OwnUser } from '@switchyard/contracts/users';
import type { Refusal } from '@switchyard/kit/errors';
import type { Queryable } from '@switchyard/kit/postgres/database';
import { accountGone } from '../domain/refusals.ts';
import { findAccount } from '../store/accounts.ts';
import { ownUserOf } from './shapes.ts';

export async function readMe(db: Queryable, userId: string): Promise<OwnUser | Refusal> {
  const account = await findAccount(db, userId);
  return account === null ? accountGone() : ownUserOf(account);
}
