/** Open friend requests to somebody, or from them, newest first. */
import type { FriendRequest } from '@switchyard/contracts/users';
import { id } from '@switchyard/contracts/page';
import type { Page, PageQuery } from '@switchyard/contracts/page';
import { decodeCursor, encodeCursor } from '@switchyard/kit/cursor';
import { isRefusal } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import type { Queryable } from '@switchyard/kit/postgres/database';
import { z } from 'zod';
import { listOpen } from '../store/requests.ts';
import { pageOf, personOf } from './shapes.ts';

const LIST = 'requests';
const key = z.tuple([id]);

export async function listRequests(
  db: Queryable,
  userId: string,
  asked: PageQuery & { direction: 'incoming' | 'outgoing' },
): Promise<Page<FriendRequest> | Refusal> {
  const list = `${LIST}-${asked.direction}`;
  const before = decodeCursor(list, key, asked.cursor);
  if (isRefusal(before)) return before;
  const rows = await listOpen(db, userId, {
    direction: asked.direction,
    before: before?.[0] ?? null,
    limit: asked.limit + 1,
  });
  return pageOf(rows, asked.limit, {
    item: (row) => ({
      id: row.id,
      from: personOf(row.from),
      to: personOf(row.to),
      createdAt: row.createdAt.toISOString(),
    }),
    cursorOf: (last) => encodeCursor(list, [last.id]),
  });
}
