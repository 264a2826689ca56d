/** Comments on a post. */
import { feedsEvents } from '@switchyard/contracts/feeds-events';
import type { Identity } from '@switchyard/contracts/identity';
import { refuse } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import { appendEvent } from '@switchyard/kit/events/outbox';
import { uuidv7 } from '@switchyard/kit/ids';
import type { Database } from '@switchyard/kit/postgres/database';
import { feedsErrors } from '../domain/errors.ts';
import { putComment } from '../store/comments.ts';
import { introducePerson } from '../store/people.ts';
import { SOURCE } from './source.ts';

export class WriteComment {
  private readonly db: Database;
  private readonly nowMs: () => number;
  constructor(db: Database, nowMs: () => number = Date.now) {
    this.db = db;
    this.nowMs = nowMs;
  }

  /** The comment as JSON. */
  async execute(who: Identity, postId: string, text: string): Promise<string | Refusal> {
    const nowMs = this.nowMs();
    const comment = { id: uuidv7(nowMs), postId, authorId: who.id, text, createdAt: new Date(nowMs) };
    return this.db.transaction(async (tx) => {
      let json = await putComment(tx, comment);
      if (json === undefined) {
        await introducePerson(tx, who);
        json = await putComment(tx, comment);
      }
      if (json === undefined) return refuse(feedsErrors.POST_UNKNOWN);
      await appendEvent(tx, {
        source: SOURCE,
        contract: feedsEvents.commentWritten,
        subject: postId,
        data: { postId, commentId: comment.id, authorId: who.id, text, createdAt: comment.createdAt.toISOString() },
      });
      return json;
    });
  }
}
