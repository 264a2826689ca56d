/** Adds up what all workers have counted so that no sum ever falls: what one that died had counted is added on; pure. */
import { NO_COUNTS, sumCounts, withoutDeployments } from '../observe/figures.ts';
import type { Counts } from '../observe/figures.ts';

/** Deployments that are remembered of workers that died; beyond it the first are forgotten. */
const SERIES_MAX = 1_000;

export class Tally {
  /** What each living worker has said last. */
  private readonly last = new Map<number, Counts>();
  private gone: Counts = NO_COUNTS;

  take(worker: number, counts: Counts): void {
    this.last.set(worker, counts);
  }

  /** Its process is no more; the next one of this number begins at 0. */
  ended(worker: number): void {
    const counts = this.last.get(worker);
    if (counts === undefined) return;
    this.last.delete(worker);
    const sum = sumCounts([this.gone, counts]);
    this.gone = { ...sum, series: Object.fromEntries(Object.entries(sum.series).slice(-SERIES_MAX)) };
  }

  /** Deployments that left, and were told of for the last time. */
  forget(deployments: readonly string[]): void {
    this.gone = withoutDeployments(this.gone, deployments);
    for (const [worker, counts] of this.last) this.last.set(worker, withoutDeployments(counts, deployments));
  }

  /** Of all workers, living and dead; `own`: of the one that adds up. */
  sum(own: Counts): Counts {
    return sumCounts([own, ...this.last.values(), this.gone]);
  }
}
