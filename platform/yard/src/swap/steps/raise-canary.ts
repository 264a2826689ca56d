/** canary -> committed: the share of the new deployment grows while it is no worse than the one before, beside it at the same time. */
import type { Step } from '../swap.ts';
import { bakeMsOf, watchFor } from './bake.ts';
import { commit, split } from './commit.ts';

/** The share doubles from step to step. */
const GROWTH = 2;
const STEP_MIN_MS = 1_000;

export const raiseCanary: Step = async (swap) => {
  const shares = sharesFrom(swap.record.canaryPercent ?? swap.record.request.canaryPercent!);
  const stepMs = Math.max(STEP_MIN_MS, bakeMsOf(swap) / shares.length);
  for (const percent of shares) {
    if (percent !== swap.record.canaryPercent) await split(swap, percent);
    swap.tell(`${percent} % of the requests`, { percent });
    const untilMs = swap.around.now() + stepMs;
    await watchFor(
      swap,
      () => untilMs - swap.around.now(),
      ({ from }) => swap.traffic.recent(from!, swap.around.now()),
    );
    if (swap.isPromoted) break;
  }
  swap.keepBaselines();
  return commit(swap);
};

/** 10: 10, 20, 40, 80. */
export function sharesFrom(percent: number): number[] {
  const shares = [];
  for (let share = percent; share < 100; share *= GROWTH) shares.push(share);
  return shares;
}
