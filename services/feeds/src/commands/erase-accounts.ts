/** Removes what a deleted account leaves behind, a bounded piece at a time: posts, comments, likes, timeline, and the payloads of their events. */
import { eraseEvents } from '@switchyard/kit/events/outbox';
import type { Database, Transaction } from '@switchyard/kit/postgres/database';
import type { RoundResult } from '../domain/round.ts';
import { changeCircles } from '../store/circle-lock.ts';
import { removeCommentsOf } from '../store/comments.ts';
import { claimErasure, endErasure, eraseCommentEvents, somePostsOf } from '../store/erasures.ts';
import { removeLikesOf } from '../store/likes.ts';
import { removePosts } from '../store/posts.ts';
import { dropTimeline } from '../store/reconciliations.ts';

const POSTS = 100;
const COMMENTS = 200;
const LIKES = 200;
const ROWS = 2_000;

export class EraseAccounts {
  private readonly db: Database;
  constructor(db: Database) {
    this.db = db;
  }

  /** One transaction's worth; see FanOutPosts.round(). */
  async round(): Promise<RoundResult> {
    return this.db.transaction(async (tx) => {
      const personId = await claimErasure(tx);
      if (personId === undefined) return 'done';
      for (const step of STEPS) if (await step(tx, personId)) return 'more';
      await endErasure(tx, personId);
      return 'more';
    });
  }
}

/** Each does a piece and says whether there was anything. */
const STEPS: readonly ((tx: Transaction, personId: string) => Promise<boolean>)[] = [
  async (tx, personId) => {
    const postIds = await somePostsOf(tx, personId, POSTS);
    if (postIds.length === 0) return false;
    await changeCircles(tx, [personId]);
    await removePosts(tx, personId, postIds);
    await eraseEvents(tx, postIds);
    return true;
  },
  async (tx, personId) => {
    const comments = await removeCommentsOf(tx, personId, COMMENTS);
    if (comments.length === 0) return false;
    const postIds = comments.map((comment) => comment.postId);
    await eraseCommentEvents(tx, postIds, { authorId: personId });
    return true;
  },
  async (tx, personId) => (await removeLikesOf(tx, personId, LIKES)) > 0,
  async (tx, personId) => (await dropTimeline(tx, personId, ROWS)) > 0,
];
