/** What a consumer measures. */
import { Counter, Gauge, Histogram } from 'prom-client';
import { metricOnce } from '../metrics.ts';
import type { Registry } from '../metrics.ts';

/** What became of an event. */
export type Outcome = 'applied' | 'duplicate' | 'unknown' | 'parked' | 'dead';

export interface ConsumerMetrics {
  leading(is: boolean): void;
  /** `oldest` is when the oldest event happened that is not yet applied; null when there is none. */
  behind(oldest: Date | null): void;
  count(outcome: Outcome, times: number): void;
  delivered(event: { readonly time: string }): void;
  waiting(now: { readonly parked: number; readonly dead: number }): void;
}

/** Nothing is measured without a registry. */
export function consumerMetrics(metrics: Registry | undefined, producer: string): ConsumerMetrics {
  if (metrics === undefined)
    return { leading: () => {}, behind: () => {}, count: () => {}, delivered: () => {}, waiting: () => {} };
  const gauge = (name: string, help: string) =>
    metricOnce(metrics, name, () => new Gauge({ name, help, labelNames: ['producer'], registers: [metrics] }));
  const leader = gauge(
    'event_consumer_active',
    'Whether this process is the one that applies the events of a producer',
  );
  const parked = gauge('event_consumer_parked', 'Events that wait for an earlier one of their subject');
  const dead = gauge('event_consumer_dead_letters', 'Events that could not be applied');
  const oldests = metricOnce(metrics, 'event_consumer_lag_seconds', (name) => lagGauge(metrics, name));
  const events = metricOnce(
    metrics,
    'event_consumer_events_total',
    (name) =>
      new Counter({
        name,
        help: 'Events by what became of them',
        labelNames: ['producer', 'outcome'],
        registers: [metrics],
      }),
  );
  const delivery = metricOnce(
    metrics,
    'event_delivery_seconds',
    (name) =>
      new Histogram({
        name,
        help: 'Time from an event to the commit of what it changed here',
        labelNames: ['producer'],
        buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600],
        registers: [metrics],
      }),
  );
  leader.set({ producer }, 0);
  return {
    leading: (is) => leader.set({ producer }, is ? 1 : 0),
    behind: (oldest) => oldests.oldest.set(producer, oldest),
    count: (outcome, times) => events.inc({ producer, outcome }, times),
    delivered: ({ time }) => delivery.observe({ producer }, Math.max(0, Date.now() - Date.parse(time)) / 1_000),
    waiting: (now) => {
      parked.set({ producer }, now.parked);
      dead.set({ producer }, now.dead);
    },
  };
}

type LagGauge = Gauge & { readonly oldest: Map<string, Date | null> };

/** Grows while an event is being worked at, since it is computed when it is asked for. */
function lagGauge(metrics: Registry, name: string): LagGauge {
  const oldest = new Map<string, Date | null>();
  const gauge = new Gauge({
    name,
    help: 'Age of the oldest event that has come and is not yet applied; 0 when there is none',
    labelNames: ['producer'],
    registers: [metrics],
    collect() {
      for (const [producer, time] of oldest)
        this.set({ producer }, time === null ? 0 : Math.max(0, Date.now() - time.getTime()) / 1_000);
    },
  });
  return Object.assign(gauge, { oldest });
}
