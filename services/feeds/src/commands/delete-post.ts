/** Deletes one's own post, from every feed at once. */
import { feedsEvents } from '@switchyard/contracts/feeds-events';
import type { Identity } from '@switchyard/contracts/identity';
import { refuse } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import { appendEvent, eraseEvents } from '@switchyard/kit/events/outbox';
import type { Database } from '@switchyard/kit/postgres/database';
import { feedsErrors } from '../domain/errors.ts';
import { changeCircles } from '../store/circle-lock.ts';
import { canSeePost, removePosts } from '../store/posts.ts';
import { SOURCE } from './source.ts';

export class DeletePost {
  private readonly db: Database;
  constructor(db: Database) {
    this.db = db;
  }

  async execute(who: Identity, postId: string): Promise<undefined | Refusal> {
    return this.db.transaction(async (tx) => {
      await changeCircles(tx, [who.id]);
      if ((await removePosts(tx, who.id, [postId])) === 0) {
        const seen = await canSeePost(tx, who.id, postId);
        return refuse(seen ? feedsErrors.NOT_YOURS : feedsErrors.POST_UNKNOWN);
      }
      await eraseEvents(tx, [postId]); // what was deleted is not kept in the log either
      await appendEvent(tx, {
        source: SOURCE,
        contract: feedsEvents.postDeleted,
        subject: postId,
        data: { postId, authorId: who.id },
      });
      return undefined;
    });
  }
}
