/** Finds out who is mentioned in a text: at once when Users answers in time, later when it does not. */
import type { Person } from '@switchyard/contracts/users';
import type { Logger } from '@switchyard/kit/log';
import type { Database } from '@switchyard/kit/postgres/database';
import { mentionedHandles } from '../domain/mentions.ts';
import type { PeopleDirectory } from '../domain/people-directory.ts';
import { claimUnresolved, settleMentions } from '../store/unresolved-mentions.ts';

export interface MentionedPeople {
  /** In the order of their mention. */
  readonly people: readonly Person[];
  /** false when nobody could say who they are. */
  readonly isComplete: boolean;
}

/** About nine hours of growing pauses; who has not been found by then stays plain text. */
const ATTEMPTS_MAX = 14;
const BATCH = 5;

export class ResolveMentions {
  private readonly db: Database;
  private readonly directory: PeopleDirectory;
  private readonly log: Logger;
  constructor(db: Database, directory: PeopleDirectory, log: Logger) {
    this.db = db;
    this.directory = directory;
    this.log = log;
  }

  /** Never throws: a post is worth more than its links. */
  async ask(viewerId: string, text: string): Promise<MentionedPeople> {
    const handles = mentionedHandles(text);
    if (handles.length === 0) return { people: [], isComplete: true };
    try {
      const found = new Map((await this.directory.resolve(viewerId, handles)).map((one) => [one.handle, one]));
      return { people: handles.flatMap((handle) => found.get(handle) ?? []), isComplete: true };
    } catch (error) {
      this.log.warn({ err: error, handles: handles.length }, 'mentions are left for later');
      return { people: [], isComplete: false };
    }
  }

  /** Takes up what is due. Resolves to whether more may be due at once. */
  async catchUp(): Promise<boolean> {
    const due = await claimUnresolved(this.db, BATCH);
    for (const post of due) {
      const mentioned = await this.ask(post.author_id, post.text);
      if (mentioned.isComplete || post.attempts >= ATTEMPTS_MAX) {
        const ids = mentioned.people.map((person) => person.id);
        await settleMentions(this.db, { postId: post.post_id, text: post.text, mentions: ids });
      }
    }
    return due.length === BATCH;
  }
}
