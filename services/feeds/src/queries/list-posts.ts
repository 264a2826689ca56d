/** Lists an author's posts; somebody who may not see them gets an empty list, as for an author who does not exist. */
import type { Identity } from '@switchyard/contracts/identity';
import type { PageQuery } from '@switchyard/contracts/page';
import { id } from '@switchyard/contracts/page';
import { decodeCursor } from '@switchyard/kit/cursor';
import { isRefusal } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import type { Queryable } from '@switchyard/kit/postgres/database';
import { z } from 'zod';
import { authorPage, NEWEST } from '../store/pages.ts';
import { jsonPage } from './json-page.ts';

const LIST = 'posts';
const sortKey = z.tuple([id]);

export class ListPosts {
  private readonly db: Queryable;
  constructor(db: Queryable) {
    this.db = db;
  }

  /** `{items, nextCursor}` as JSON. */
  async execute(who: Identity, handle: string, page: PageQuery): Promise<string | Refusal> {
    const from = decodeCursor(LIST, sortKey, page.cursor);
    if (isRefusal(from)) return from;
    const found = await authorPage(this.db, {
      viewerId: who.id,
      ownHandle: who.handle,
      handle,
      below: from?.[0] ?? NEWEST,
      limit: page.limit,
    });
    return jsonPage(LIST, found);
  }
}
