/** Reads one post. */
import { refuse } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import type { Queryable } from '@switchyard/kit/postgres/database';
import { feedsErrors } from '../domain/errors.ts';
import { onePost } from '../store/pages.ts';

export class ReadPost {
  private readonly db: Queryable;
  constructor(db: Queryable) {
    this.db = db;
  }

  /** The post as JSON. */
  async execute(viewerId: string, postId: string): Promise<string | Refusal> {
    return (await onePost(this.db, viewerId, postId)) ?? refuse(feedsErrors.POST_UNKNOWN);
  }
}
