/** Whom somebody has blocked, the latest first. */
import type { Person } from '@switchyard/contracts/users';
import { id } from '@switchyard/contracts/page';
import type { Page, PageQuery } from '@switchyard/contracts/page';
import { decodeCursor, encodeCursor } from '@switchyard/kit/cursor';
import { isRefusal } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import type { Queryable } from '@switchyard/kit/postgres/database';
import { z } from 'zod';
import { listBlockedBy } from '../store/blocks.ts';
import { pageOf, personOf } from './shapes.ts';

const LIST = 'blocks';
const key = z.tuple([id]);

export async function listBlocks(db: Queryable, userId: string, asked: PageQuery): Promise<Page<Person> | Refusal> {
  const before = decodeCursor(LIST, key, asked.cursor);
  if (isRefusal(before)) return before;
  const rows = await listBlockedBy(db, userId, { before: before?.[0] ?? null, limit: asked.limit + 1 });
  return pageOf(rows, asked.limit, { item: personOf, cursorOf: (last) => encodeCursor(LIST, [last.blockId]) });
}
