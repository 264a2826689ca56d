/** Puts written posts into the timelines of their authors' friends, some posts and a bounded number of friends at a time. */
import { metricOnce } from '@switchyard/kit/metrics';
import type { Registry } from '@switchyard/kit/metrics';
import type { Database } from '@switchyard/kit/postgres/database';
import { Histogram } from 'prom-client';
import { CHANNEL, newPostsBy } from '../domain/channels.ts';
import type { RoundResult } from '../domain/round.ts';
import { claimFanOuts, putIntoTimelines } from '../store/fan-outs.ts';
import { notify } from '../store/notices.ts';

/** At most POSTS x FRIENDS rows in one transaction: as long as that, a friendship that ends has to wait. */
const POSTS = 20;
const FRIENDS = 500;

export class FanOutPosts {
  private readonly db: Database;
  private readonly lag: Histogram;
  private readonly nowMs: () => number;
  constructor(db: Database, metrics: Registry, nowMs: () => number = Date.now) {
    this.db = db;
    this.nowMs = nowMs;
    this.lag = metricOnce(
      metrics,
      'feeds_fan_out_lag_seconds',
      (name) =>
        new Histogram({
          name,
          help: 'Time from the writing of a post until the last of its author’s friends has it in their timeline',
          buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
          registers: [metrics],
        }),
    );
  }

  /** One transaction's worth. Safe in several instances at once and after a crash anywhere: what was not committed is done again. */
  async round(): Promise<RoundResult> {
    const { jobs, done, left } = await this.db.transaction(async (tx) => {
      const { jobs, left } = await claimFanOuts(tx, POSTS);
      if (jobs.length === 0) return { jobs, left, done: [] };
      const done = await putIntoTimelines(tx, jobs, FRIENDS);
      await notify(tx, CHANNEL, newPostsBy(jobs.map((job) => job.author_id)));
      return { jobs, left, done };
    });
    const finished = new Set(done);
    for (const job of jobs)
      if (finished.has(job.post_id)) this.lag.observe(Math.max(0, this.nowMs() - job.written_at.getTime()) / 1_000);
    if (jobs.length === 0 && left > 0) return 'held';
    return jobs.length + left === POSTS || done.length < jobs.length || left > 0 ? 'more' : 'done';
  }
}
