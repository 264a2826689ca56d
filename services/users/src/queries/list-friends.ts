/** One's friends, by handle. */
import { handle } from '@switchyard/contracts/users';
import type { User } from '@switchyard/contracts/users';
import type { Page, PageQuery } from '@switchyard/contracts/page';
import { decodeCursor, encodeCursor } from '@switchyard/kit/cursor';
import { isRefusal } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import type { Queryable } from '@switchyard/kit/postgres/database';
import { z } from 'zod';
import { listFriendsOf } from '../store/friendships.ts';
import { pageOf, userOf } from './shapes.ts';

const LIST = 'friends';
const key = z.tuple([handle]);

export async function listFriends(db: Queryable, userId: string, asked: PageQuery): Promise<Page<User> | Refusal> {
  const after = decodeCursor(LIST, key, asked.cursor);
  if (isRefusal(after)) return after;
  const rows = await listFriendsOf(db, userId, { after: after?.[0] ?? '', limit: asked.limit + 1 });
  return pageOf(rows, asked.limit, { item: userOf, cursorOf: (last) => encodeCursor(LIST, [last.handle]) });
}
