/** Reads a page of somebody's home feed. */
import type { PageQuery } from '@switchyard/contracts/page';
import { id } from '@switchyard/contracts/page';
import { decodeCursor } from '@switchyard/kit/cursor';
import { isRefusal } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import type { Queryable } from '@switchyard/kit/postgres/database';
import { z } from 'zod';
import { NEWEST, timelinePage } from '../store/pages.ts';
import { jsonPage } from './json-page.ts';

const LIST = 'feed';
const sortKey = z.tuple([id]);

export class ReadFeed {
  private readonly db: Queryable;
  constructor(db: Queryable) {
    this.db = db;
  }

  /** `{items, nextCursor}` as JSON. */
  async execute(viewerId: string, page: PageQuery): Promise<string | Refusal> {
    const from = decodeCursor(LIST, sortKey, page.cursor);
    if (isRefusal(from)) return from;
    return jsonPage(LIST, await timelinePage(this.db, viewerId, from?.[0] ?? NEWEST, page.limit));
  }
}
