/** Counts and gauges of one worker as plain data, and what several of them come to; pure. */
import type { Traffic } from '@switchyard/contracts/registry';
import type { Deployment } from '../routing/deployment.ts';
import type { RoutingTable } from '../routing/routing-table.ts';
import type { Metrics, SeriesCounts } from './metrics.ts';

/** What only grows for as long as a worker lives, and is added on when it has died. */
export interface Counts {
  readonly series: Readonly<Record<string, SeriesCounts>>;
  /** Answers of the gateway's own by error code. */
  readonly errors: Readonly<Record<string, number>>;
  /** Spans by what became of them; empty where no collector is configured. */
  readonly spans: Readonly<Record<string, number>>;
  /** What came of what was sent, by deployment; of those in the table alone. */
  readonly traffic: Readonly<Record<string, Traffic>>;
}

export type BreakerName = Deployment['breaker']['state']['name'];

export interface BreakerFigure {
  readonly state: BreakerName;
  /** Until it lets a request try; 0 unless it is open. */
  readonly retryInMs: number;
}

/** What is so now, and is gone with the worker. */
export interface Now {
  readonly epoch: number | null;
  readonly openStreams: number;
  readonly openConnections: number;
  /** Requests by deployment. */
  readonly inFlight: Readonly<Record<string, number>>;
  /** The same by instance. */
  readonly inFlightByInstance: Readonly<Record<string, number>>;
  /** By deployment. */
  readonly breakers: Readonly<Record<string, BreakerFigure>>;
}

export interface Figures {
  readonly counts: Counts;
  readonly now: Now;
}

export interface Gauges {
  readonly routing: RoutingTable;
  readonly openStreams: () => number;
  readonly openConnections: () => number;
}

export const NO_COUNTS: Counts = { series: {}, errors: {}, spans: {}, traffic: {} };

export function readFigures(metrics: Metrics, gauges: Gauges, nowMs: number): Figures {
  const { routing } = gauges;
  const { deployments } = routing;
  return {
    counts: { ...metrics.counts(), traffic: routing.traffic() },
    now: {
      epoch: routing.epoch,
      openStreams: gauges.openStreams(),
      openConnections: gauges.openConnections(),
      inFlight: routing.inFlight(),
      inFlightByInstance: Object.fromEntries(
        deployments.flatMap(({ instances }) => Array.from(instances.values(), ({ id, inFlight }) => [id, inFlight])),
      ),
      breakers: Object.fromEntries(
        deployments.map(({ id, breaker: { state } }) => [
          id,
          {
            state: state.name,
            retryInMs: state.name === 'open' ? Math.max(0, Math.round(state.untilMs - nowMs)) : 0,
          },
        ]),
      ),
    },
  };
}

export const sumCounts = (all: readonly Counts[]): Counts => ({
  series: merged(
    all.map(({ series }) => series),
    (a, b) => ({
      ...a,
      byClass: a.byClass.map((count, index) => count + b.byClass[index]!),
      buckets: a.buckets.map((count, index) => count + b.buckets[index]!),
      seconds: a.seconds + b.seconds,
      retries: a.retries + b.retries,
      upstreamErrors: a.upstreamErrors + b.upstreamErrors,
    }),
  ),
  errors: sumOf(all.map(({ errors }) => errors)),
  spans: sumOf(all.map(({ spans }) => spans)),
  traffic: merged(
    all.map(({ traffic }) => traffic),
    (a, b) => ({
      requests: a.requests + b.requests,
      failed: a.failed + b.failed,
      latencyMs: a.latencyMs + b.latencyMs,
    }),
  ),
});

/** Without what was counted of these deployments. */
export const withoutDeployments = (counts: Counts, ids: readonly string[]): Counts => ({
  ...counts,
  series: Object.fromEntries(
    Object.entries(counts.series).filter(([, { deployment }]) => deployment === '' || !ids.includes(deployment)),
  ),
  traffic: Object.fromEntries(Object.entries(counts.traffic).filter(([id]) => !ids.includes(id))),
});

export const sumOf = (all: readonly Readonly<Record<string, number>>[]): Record<string, number> =>
  merged(all, (a, b) => a + b);

const SEVERITY: { readonly [N in BreakerName]: number } = { closed: 0, 'half-open': 1, open: 2 };

/** The worst first; of two that are open, the one that waits longest. */
export const byBreaker = (a: BreakerFigure, b: BreakerFigure): number =>
  SEVERITY[b.state] - SEVERITY[a.state] || b.retryInMs - a.retryInMs;

function merged<T>(all: readonly Readonly<Record<string, T>>[], plus: (a: T, b: T) => T): Record<string, T> {
  const sums = new Map<string, T>();
  for (const one of all)
    for (const [key, value] of Object.entries(one)) {
      const before = sums.get(key);
      sums.set(key, before === undefined ? value : plus(before, value));
    }
  return Object.fromEntries(sums);
}
