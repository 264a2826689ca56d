/** Deletes a comment: its author may, and the author of the post that it stands below. */
import { feedsEvents } from '@switchyard/contracts/feeds-events';
import type { Identity } from '@switchyard/contracts/identity';
import { refuse } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import { appendEvent } from '@switchyard/kit/events/outbox';
import type { Database } from '@switchyard/kit/postgres/database';
import { feedsErrors } from '../domain/errors.ts';
import { commentSeenBy, removeComment } from '../store/comments.ts';
import { eraseCommentEvents } from '../store/erasures.ts';
import { SOURCE } from './source.ts';

export class DeleteComment {
  private readonly db: Database;
  constructor(db: Database) {
    this.db = db;
  }

  async execute(who: Identity, of: { postId: string; commentId: string }): Promise<undefined | Refusal> {
    return this.db.transaction(async (tx) => {
      const seen = await commentSeenBy(tx, who.id, of);
      if (!seen.seesPost) return refuse(feedsErrors.POST_UNKNOWN);
      if (seen.commentAuthorId === null) return refuse(feedsErrors.COMMENT_UNKNOWN);
      if (who.id !== seen.commentAuthorId && who.id !== seen.postAuthorId) return refuse(feedsErrors.NOT_YOURS);
      if (!(await removeComment(tx, of))) return refuse(feedsErrors.COMMENT_UNKNOWN);
      await eraseCommentEvents(tx, [of.postId], { commentId: of.commentId });
      await appendEvent(tx, {
        source: SOURCE,
        contract: feedsEvents.commentDeleted,
        subject: of.postId,
        data: of,
      });
      return undefined;
    });
  }
}
