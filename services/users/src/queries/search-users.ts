/** People by the beginnings of words of their handle or name; everybody where nothing is asked. */
import { handle } from '@switchyard/contracts/users';
import type { User } from '@switchyard/contracts/users';
import type { Page, PageQuery } from '@switchyard/contracts/page';
import { decodeCursor, encodeCursor } from '@switchyard/kit/cursor';
import { isRefusal } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import type { Queryable } from '@switchyard/kit/postgres/database';
import { z } from 'zod';
import { queryWords, TERM } from '../domain/search-terms.ts';
import { listSeen, searchSeen } from '../store/people.ts';
import { pageOf, userOf } from './shapes.ts';

const EVERYBODY = 'users';
const everybodyKey = z.tuple([handle]);
const FOUND = 'users-found';
const foundKey = z.tuple([z.string().regex(TERM), handle]);

export async function searchUsers(
  db: Queryable,
  viewerId: string,
  asked: PageQuery & { query: string },
): Promise<Page<User> | Refusal> {
  if (asked.query.trim() === '') return everybody(db, viewerId, asked);
  const prefixes = queryWords(asked.query);
  const key = decodeCursor(FOUND, foundKey, asked.cursor);
  if (isRefusal(key)) return key;
  if (prefixes.length === 0) return { items: [], nextCursor: null };
  const [term, after] = key ?? ['', ''];
  const rows = await searchSeen(db, viewerId, { prefixes, after: { term, handle: after }, limit: asked.limit + 1 });
  return pageOf(rows, asked.limit, {
    item: userOf,
    cursorOf: (last) => encodeCursor(FOUND, [last.term, last.handle]),
  });
}

async function everybody(db: Queryable, viewerId: string, asked: PageQuery): Promise<Page<User> | Refusal> {
  const key = decodeCursor(EVERYBODY, everybodyKey, asked.cursor);
  if (isRefusal(key)) return key;
  const rows = await listSeen(db, viewerId, { after: key?.[0] ?? '', limit: asked.limit + 1 });
  return pageOf(rows, asked.limit, { item: userOf, cursorOf: (last) => encodeCursor(EVERYBODY, [last.handle]) });
}
