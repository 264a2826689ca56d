/** Likes a post, or takes the like back; doing either again changes nothing. */
import { feedsEvents } from '@switchyard/contracts/feeds-events';
import type { Identity } from '@switchyard/contracts/identity';
import { refuse } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import { appendEvent } from '@switchyard/kit/events/outbox';
import type { Database } from '@switchyard/kit/postgres/database';
import { feedsErrors } from '../domain/errors.ts';
import { putLike, removeLike } from '../store/likes.ts';
import { introducePerson } from '../store/people.ts';
import { SOURCE } from './source.ts';

export class LikePost {
  private readonly db: Database;
  constructor(db: Database) {
    this.db = db;
  }

  async execute(who: Identity, postId: string, likes: boolean): Promise<undefined | Refusal> {
    return this.db.transaction(async (tx) => {
      const change = likes ? putLike : removeLike;
      let outcome = await change(tx, who.id, postId);
      if (!outcome.seen) {
        await introducePerson(tx, who);
        outcome = await change(tx, who.id, postId);
      }
      if (!outcome.seen) return refuse(feedsErrors.POST_UNKNOWN);
      if (outcome.changed)
        await appendEvent(tx, {
          source: SOURCE,
          contract: likes ? feedsEvents.postLiked : feedsEvents.postUnliked,
          subject: postId,
          data: { postId, userId: who.id },
        });
      return undefined;
    });
  }
}
