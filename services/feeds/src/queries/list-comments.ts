/** Lists the comments on a post, oldest first, without those of people blocked either way. */
import type { PageQuery } from '@switchyard/contracts/page';
import { id } from '@switchyard/contracts/page';
import { decodeCursor } from '@switchyard/kit/cursor';
import { isRefusal, refuse } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import type { Queryable } from '@switchyard/kit/postgres/database';
import { z } from 'zod';
import { feedsErrors } from '../domain/errors.ts';
import { commentPage, OLDEST } from '../store/pages.ts';
import { jsonPage } from './json-page.ts';

const LIST = 'comments';
const sortKey = z.tuple([id]);

export class ListComments {
  private readonly db: Queryable;
  constructor(db: Queryable) {
    this.db = db;
  }

  /** `{items, nextCursor}` as JSON. */
  async execute(viewerId: string, postId: string, page: PageQuery): Promise<string | Refusal> {
    const from = decodeCursor(LIST, sortKey, page.cursor);
    if (isRefusal(from)) return from;
    const found = await commentPage(this.db, { viewerId, postId, above: from?.[0] ?? OLDEST, limit: page.limit });
    return found.seen ? jsonPage(LIST, found) : refuse(feedsErrors.POST_UNKNOWN);
  }
}
