/** drained -> baked: the deployment before stays hot while the new one is watched, and judged beside it. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Traffic } from '@switchyard/contracts/registry';
import { judge } from '../judge.ts';
import { SwapFault } from '../swap-fault.ts';
import type { Leg, Step, Swap } from '../swap.ts';
import { meanLatencyMs, WINDOW_MS } from '../traffic-sums.ts';
import { readWatchers } from './await-acknowledgements.ts';
import { lastLinesOf } from './check-health.ts';

const LOOK_EVERY_MS = 200;
const TELL_EVERY_MS = 1_000;

export const bake: Step = async (swap) => {
  if (!isWatched(swap)) return 'done';
  const untilMs = Date.parse(swap.record.bakesUntil!);
  // A clock that jumps back does not make it longer than it was to be.
  const endsMs = swap.around.now() + bakeMsOf(swap);
  const leftMs = () => Math.min(endsMs - swap.around.now(), untilMs - swap.around.date().getTime());
  await watchFor(swap, leftMs, swap.baselines);
  return 'done';
};

/** As asked, else the longest that switchyard.yaml says. */
export const bakeMsOf = (swap: Swap): number =>
  swap.record.request.bakeMs ?? Math.max(...swap.services.map((service) => swap.plan(service).declaration.bakeMs));

/** Whether the new deployments are judged after the commit. Not when nobody wants them taken back. */
export const isWatched = (swap: Swap): boolean => bakeMsOf(swap) > 0 && !swap.record.request.isWithoutRollback;

/**
 * Watches the new deployments until no time is left or somebody promotes them. Rejects with a SwapFault when one is worse than the one
 * before it, of which `before` tells the traffic, or has died.
 */
export async function watchFor(swap: Swap, leftMs: () => number, before: (leg: Leg) => Traffic | null): Promise<void> {
  await swap.whileWell(async (signal) => {
    let toldMs = -Infinity;
    while (leftMs() > 0 && !swap.isPromoted) {
      await readWatchers(swap, signal);
      await judgeLegs(swap, before);
      if (swap.around.now() - toldMs >= TELL_EVERY_MS) {
        toldMs = swap.around.now();
        swap.tell('', figuresOf(swap, leftMs(), before));
      }
      await pause(Math.max(1, Math.min(LOOK_EVERY_MS, leftMs())), undefined, { signal });
    }
  });
}

/** Rejects with a SwapFault when a new deployment is worse than the one before it. */
export async function judgeLegs(swap: Swap, before: (leg: Leg) => Traffic | null): Promise<void> {
  for (const leg of swap.legs) await judgeLeg(swap, leg, before(leg));
}

async function judgeLeg(swap: Swap, leg: Leg, before: Traffic | null): Promise<void> {
  const limits = swap.plan(leg.service).declaration.revert;
  const nowMs = swap.around.now();
  const now = swap.traffic.recent(leg.to, nowMs);
  const lately = swap.traffic.recent(leg.to, nowMs, WINDOW_MS / 2);
  const why = judge({ limits, before, now, lately, old: leg.from });
  if (why === null) return;
  throw new SwapFault(`${leg.to} is worse than ${leg.from ?? 'nothing'}: ${why}`, await lastLinesOf(swap, leg));
}

function figuresOf(swap: Swap, leftMs: number, before: (leg: Leg) => Traffic | null): Record<string, number> {
  const now = sumOf(swap.legs.map(({ to }) => swap.traffic.of(to)));
  const then = sumOf(swap.legs.flatMap((leg) => before(leg) ?? []));
  return {
    bakeLeftMs: Math.max(0, Math.round(leftMs)),
    requests: now.requests,
    failed: now.failed,
    meanLatencyMs: meanLatencyMs(now),
    requestsBefore: then.requests,
    failedBefore: then.failed,
    meanLatencyMsBefore: meanLatencyMs(then),
    ...(swap.stage === 'canary' ? { percent: swap.record.canaryPercent! } : {}),
  };
}

const sumOf = (all: readonly Traffic[]): Traffic => ({
  requests: all.reduce((sum, { requests }) => sum + requests, 0),
  failed: all.reduce((sum, { failed }) => sum + failed, 0),
  latencyMs: all.reduce((sum, { latencyMs }) => sum + latencyMs, 0),
});
