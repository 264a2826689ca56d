/** Writes a post: the post, its row in the author's own feed, its fan-out and its event are one statement. */
import { feedsEvents } from '@switchyard/contracts/feeds-events';
import type { Identity } from '@switchyard/contracts/identity';
import { refuse } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import { eventValues } from '@switchyard/kit/events/outbox';
import { uuidv7 } from '@switchyard/kit/ids';
import type { Database, Queryable } from '@switchyard/kit/postgres/database';
import { feedsErrors } from '../domain/errors.ts';
import { introducePerson } from '../store/people.ts';
import { putPost } from '../store/posts.ts';
import type { NewPost } from '../store/posts.ts';
import { putUnresolved } from '../store/unresolved-mentions.ts';
import type { ResolveMentions } from './resolve-mentions.ts';
import { SOURCE } from './source.ts';

export class WritePost {
  private readonly db: Database;
  private readonly mentions: ResolveMentions;
  private readonly written: () => void;
  private readonly nowMs: () => number;
  /** `written` is called after the commit, to wake the fan-out. */
  constructor(db: Database, mentions: ResolveMentions, written: () => void, nowMs: () => number = Date.now) {
    this.db = db;
    this.mentions = mentions;
    this.written = written;
    this.nowMs = nowMs;
  }

  /** The post as JSON. An author of whom no event has told yet is taken from the identity. */
  async execute(who: Identity, text: string): Promise<string | Refusal> {
    const mentioned = await this.mentions.ask(who.id, text);
    const nowMs = this.nowMs();
    const post: NewPost = {
      id: uuidv7(nowMs),
      authorId: who.id,
      text,
      mentions: mentioned.people.map((person) => person.id),
      createdAt: new Date(nowMs),
    };
    const event = eventValues({
      source: SOURCE,
      contract: feedsEvents.postWritten,
      subject: post.id,
      data: { postId: post.id, authorId: who.id, text: post.text, createdAt: post.createdAt.toISOString() },
    });
    const written = mentioned.isComplete
      ? await put(this.db, who, post, event)
      : await this.db.transaction(async (tx) => {
          const written = await put(tx, who, post, event);
          if (written !== undefined) await putUnresolved(tx, post.id, new Date(nowMs + 1_000));
          return written;
        });
    if (written === undefined) return refuse(feedsErrors.ACCOUNT_GONE);
    this.written();
    return `${written.card},"author":${written.author},"mentions":${JSON.stringify(mentioned.people)},"likes":0,"liked":false,"comments":0}`;
  }
}

/** Introducing somebody and their post need not be one transaction: a person without a post is no harm. */
async function put(db: Queryable, who: Identity, post: NewPost, event: readonly unknown[]) {
  const written = await putPost(db, post, event);
  if (written !== undefined) return written;
  await introducePerson(db, who);
  return putPost(db, post, event);
}
