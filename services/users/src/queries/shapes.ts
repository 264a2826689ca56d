/** Turns what the store knows into what the contract shows; everything else stays here. */
import type { OwnUser, Person, User } from '@switchyard/contracts/users';
import type { Page } from '@switchyard/contracts/page';
import type { Account } from '../store/accounts.ts';
import type { SeenUser } from '../store/people.ts';

export const userOf = (seen: SeenUser): User => ({
  id: seen.id,
  handle: seen.handle,
  name: seen.name,
  bio: seen.bio,
  createdAt: seen.createdAt.toISOString(),
  friendship: seen.friendship,
});

export const ownUserOf = (account: Account): OwnUser => ({
  id: account.id,
  handle: account.handle,
  name: account.name,
  bio: account.bio,
  createdAt: account.createdAt.toISOString(),
  friendship: 'self',
  email: account.email,
});

export const personOf = (person: Person): Person => ({ id: person.id, handle: person.handle, name: person.name });

/** `rows` holds one more than `limit` where there is another page; `cursorOf` makes a cursor of the last item shown. */
export function pageOf<R, T>(
  rows: readonly R[],
  limit: number,
  shape: { item: (row: R) => T; cursorOf: (row: R) => string },
): Page<T> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    items: shown.map(shape.item),
    nextCursor: rows.length > limit && last !== undefined ? shape.cursorOf(last) : null,
  };
}
