/** Makes timelines agree with friendships that began (every post of a friend is there) or ended (none is). */
import type { Database } from '@switchyard/kit/postgres/database';
import type { RoundResult } from '../domain/round.ts';
import { claimPairs, emptyTimelines, fillTimelines } from '../store/reconciliations.ts';

/** At most PAIRS x POSTS rows are put in, PAIRS x ROWS looked at, in one transaction. */
const PAIRS = 20;
const POSTS = 200;
const ROWS = 1_000;

export class ReconcileTimelines {
  private readonly db: Database;
  constructor(db: Database) {
    this.db = db;
  }

  /** One transaction's worth; see FanOutPosts.round(). */
  async round(): Promise<RoundResult> {
    const { worked, left } = await this.db.transaction(async (tx) => {
      const { jobs, left } = await claimPairs(tx, PAIRS);
      const begun = jobs.filter((job) => job.are_friends);
      const ended = jobs.filter((job) => !job.are_friends);
      if (begun.length > 0) await fillTimelines(tx, begun, POSTS);
      if (ended.length > 0) await emptyTimelines(tx, ended, ROWS);
      return { worked: jobs.length, left };
    });
    if (worked > 0) return 'more';
    return left > 0 ? 'held' : 'done';
  }
}
