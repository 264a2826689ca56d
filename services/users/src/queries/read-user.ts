/** One person, as the viewer may see them. */
import type { User } from '@switchyard/contracts/users';
import type { Refusal } from '@switchyard/kit/errors';
import type { Queryable } from '@switchyard/kit/postgres/database';
import { unknownUser } from '../domain/refusals.ts';
import { findSeenByHandle } from '../store/people.ts';
import { userOf } from './shapes.ts';

export async function readUser(db: Queryable, viewerId: string, handle: string): Promise<User | Refusal> {
  const seen = await findSeenByHandle(db, viewerId, handle);
  return seen === null ? unknownUser(handle) : userOf(seen);
}
