/** Judges whether a new deployment is worse than the one before it, by what gateways have counted; pure. */
import type { Traffic } from '@switchyard/contracts/registry';
import type { ServiceDeclaration } from '@switchyard/contracts/yard-file';
import { meanLatencyMs, minus } from './traffic-sums.ts';

/** Latency is judged by this many times `minRequests`: a mean says little about few requests. */
const LATENCY_NEEDS = 5;
/** Below this difference nobody notices, whatever the ratio: 3 ms instead of 1 ms is no reason. */
const NOTICED_MS = 50;
/** How far, in standard deviations, failures must be above what chance makes of the old ratio: one false alarm in about 700. */
const BEYOND_CHANCE = 3;

export interface JudgedTraffic {
  /** `revert` of the service in switchyard.yaml. */
  readonly limits: ServiceDeclaration['revert'];
  /** Of the deployment before: in the window before the commit, or in total when that was thin. Null: there was none. */
  readonly before: Traffic | null;
  /** Of the new one within the last ten seconds. */
  readonly now: Traffic;
  /** Of the new one within the last five of these ten seconds; see `isSlower`. Without it, the mean of all ten decides. */
  readonly lately?: Traffic;
  /** Name of the deployment before, for the sentence. */
  readonly old?: string | null;
}

/**
 * A sentence that says why the new one is worse, or null while there is no reason to say so.
 *
 * Errors: a larger share of requests has failed than on the old one, by more than `errorRatio`; an old one that is not known is taken for
 * one without failures. Where the old one failed too, the difference must also be more than chance, else a service that has
 * always failed now and then would be taken back every few swaps. What makes both fail (a database that went away during the bake) cannot
 * be told from a fault of the new one, because the old one is no longer asked.
 */
export function judge(judged: JudgedTraffic): string | null {
  return moreFailures(judged) ?? isSlower(judged);
}

function moreFailures({ limits, before, now, old }: JudgedTraffic): string | null {
  const { minRequests, errorRatio } = limits;
  if (now.requests < minRequests) return null;
  // As if it had had `minRequests`, the others well: one failure of one request is no ratio of 100 % that excuses everything.
  const ratioBefore = before === null ? 0 : before.failed / Math.max(before.requests, minRequests);
  const ratio = now.failed / now.requests;
  if (ratio <= ratioBefore + errorRatio) return null;
  const byChance = Math.sqrt(now.requests * ratioBefore * (1 - ratioBefore));
  if (now.failed <= now.requests * ratioBefore + BEYOND_CHANCE * byChance) return null;
  return `${now.failed} of ${now.requests} requests failed (${percent(ratio)}) within ten seconds${compared(
    before,
    old,
    ({ failed, requests }) => percent(failed / requests),
  )}`;
}

/**
 * Latency. Gateways count sums, no distribution, so one request that took half a minute makes the mean of a hundred look bad; and a process that
 * has just started is slow at first (nothing is compiled, no connection is open). Both pass. So the mean must be worse in each half of
 * the window: what happened once is in one half only, and the first seconds are followed by better ones.
 */
function isSlower({ limits, before, now, lately, old }: JudgedTraffic): string | null {
  const { minRequests, latencyRatio } = limits;
  if (before === null || before.requests < minRequests || now.requests < LATENCY_NEEDS * minRequests) return null;
  const meanBefore = meanLatencyMs(before);
  const halves = lately === undefined ? [now] : [lately, minus(now, lately)];
  const enough = (LATENCY_NEEDS * minRequests) / (2 * halves.length);
  const isWorse = (half: Traffic): boolean => {
    const mean = meanLatencyMs(half);
    return half.requests >= enough && mean > latencyRatio * meanBefore && mean > meanBefore + NOTICED_MS;
  };
  if (!halves.every(isWorse)) return null;
  const mean = milliseconds(meanLatencyMs(now));
  return `${now.requests} requests took ${mean} on average within ten seconds${compared(before, old, (traffic) =>
    milliseconds(meanLatencyMs(traffic)),
  )}`;
}

function compared(
  before: Traffic | null,
  old: string | null | undefined,
  figure: (traffic: Traffic) => string,
): string {
  if (before === null) return '';
  const name = old ?? 'the deployment before';
  return before.requests === 0 ? `; ${name} had none to compare with` : `; on ${name} it was ${figure(before)}`;
}

/** `57 %`, `0.1 %`. */
function percent(ratio: number): string {
  const value = ratio * 100;
  if (value > 0 && value < 0.1) return 'less than 0.1 %';
  // Not "100 %" where one request went well.
  return `${value >= 10 ? Math.floor(value) : Number(value.toFixed(1))} %`;
}

const milliseconds = (ms: number): string => `${ms >= 10 ? Math.round(ms) : Number(ms.toFixed(1))} ms`;
