/** Changes the text of one's own post. */
import { feedsEvents } from '@switchyard/contracts/feeds-events';
import type { Identity } from '@switchyard/contracts/identity';
import { refuse } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import { appendEvent } from '@switchyard/kit/events/outbox';
import type { Database } from '@switchyard/kit/postgres/database';
import { feedsErrors } from '../domain/errors.ts';
import { canSeePost, changePost } from '../store/posts.ts';
import { forgetUnresolved, putUnresolved } from '../store/unresolved-mentions.ts';
import type { ResolveMentions } from './resolve-mentions.ts';
import { SOURCE } from './source.ts';

export class EditPost {
  private readonly db: Database;
  private readonly mentions: ResolveMentions;
  private readonly nowMs: () => number;
  constructor(db: Database, mentions: ResolveMentions, nowMs: () => number = Date.now) {
    this.db = db;
    this.mentions = mentions;
    this.nowMs = nowMs;
  }

  /** The edited post as JSON. */
  async execute(who: Identity, postId: string, text: string): Promise<string | Refusal> {
    const mentioned = await this.mentions.ask(who.id, text);
    const mentions = mentioned.people.map((person) => person.id);
    return this.db.transaction(async (tx) => {
      const editedAt = new Date(this.nowMs());
      const json = await changePost(tx, { id: postId, authorId: who.id, text, mentions, editedAt });
      if (json === undefined) {
        const seen = await canSeePost(tx, who.id, postId);
        return refuse(seen ? feedsErrors.NOT_YOURS : feedsErrors.POST_UNKNOWN);
      }
      if (mentioned.isComplete) await forgetUnresolved(tx, postId);
      else await putUnresolved(tx, postId, new Date(this.nowMs() + 1_000));
      await appendEvent(tx, {
        source: SOURCE,
        contract: feedsEvents.postEdited,
        subject: postId,
        data: { postId, authorId: who.id, text, editedAt: editedAt.toISOString() },
      });
      return json;
    });
  }
}
