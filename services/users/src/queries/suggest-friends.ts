/** Whom one may know: friends of friends, most in common first, then by handle. */
import { handle } from '@switchyard/contracts/users';
import type { Suggestion } from '@switchyard/contracts/users';
import type { Page, PageQuery } from '@switchyard/contracts/page';
import { decodeCursor, encodeCursor } from '@switchyard/kit/cursor';
import { isRefusal } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import type { Queryable } from '@switchyard/kit/postgres/database';
import { z } from 'zod';
import { SUGGESTION_WALK_MAX } from '../domain/suggestion-walk.ts';
import { listSuggestions } from '../store/suggestions.ts';
import { pageOf, userOf } from './shapes.ts';

const LIST = 'suggestions';
const key = z.tuple([z.int().min(1).max(1_000_000), handle]);

export async function suggestFriends(
  db: Queryable,
  userId: string,
  asked: PageQuery,
): Promise<Page<Suggestion> | Refusal> {
  const after = decodeCursor(LIST, key, asked.cursor);
  if (isRefusal(after)) return after;
  const rows = await listSuggestions(db, userId, {
    after: after === undefined ? null : { commonFriends: after[0], handle: after[1] },
    limit: asked.limit + 1,
    walkMax: SUGGESTION_WALK_MAX,
  });
  return pageOf(rows, asked.limit, {
    item: (row) => ({ ...userOf(row), commonFriends: row.commonFriends }),
    cursorOf: (last) => encodeCursor(LIST, [last.commonFriends, last.handle]),
  });
}
