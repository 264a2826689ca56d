/** The gateway's counts of requests, kept as plain numbers. */
import type { Exchange } from '../exchange.ts';

/** Upper bounds of the histogram's buckets, in seconds; one more bucket takes the rest. */
export const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
export const CLASSES = ['1xx', '2xx', '3xx', '4xx', '5xx'];
/** Services and deployments at most; beyond it the oldest is forgotten. */
const SERIES_MAX = 500;

/** What was counted of one deployment; without its name, of what a service was asked for and no deployment claimed. */
export interface SeriesCounts {
  readonly service: string;
  readonly deployment: string;
  /** In the order of CLASSES. */
  readonly byClass: readonly number[];
  /** In the order of BUCKETS, not cumulated. */
  readonly buckets: readonly number[];
  readonly seconds: number;
  readonly retries: number;
  /** How often no answer came: the service broke off, was not there, or not in time. */
  readonly upstreamErrors: number;
}

class Series {
  readonly service: string;
  readonly deployment: string;
  readonly byClass = new Float64Array(CLASSES.length);
  readonly buckets = new Float64Array(BUCKETS.length + 1);
  seconds = 0;
  retries = 0;
  upstreamErrors = 0;

  constructor(service: string, deployment: string) {
    this.service = service;
    this.deployment = deployment;
  }

  count(exchange: Exchange, durationMs: number): void {
    const index = Math.min(CLASSES.length - 1, Math.max(0, Math.floor(exchange.status / 100) - 1));
    this.byClass[index]! += 1;
    const seconds = durationMs / 1_000;
    this.seconds += seconds;
    let bucket = 0;
    while (bucket < BUCKETS.length && seconds > BUCKETS[bucket]!) bucket += 1;
    this.buckets[bucket]! += 1;
    this.retries += exchange.retries;
    if (exchange.errorCode.startsWith('GATEWAY_UPSTREAM')) this.upstreamErrors += 1;
  }

  get counts(): SeriesCounts {
    const { service, deployment, seconds, retries, upstreamErrors } = this;
    return {
      service,
      deployment,
      byClass: Array.from(this.byClass),
      buckets: Array.from(this.buckets),
      seconds,
      retries,
      upstreamErrors,
    };
  }
}

export class Metrics {
  /** By deployment; '' is the gateway's own interface and what was refused before a service was found. */
  private readonly series = new Map<string, Series>([['', new Series('', '')]]);
  private readonly refusals = new Map<string, number>();
  /** By what became of them: `exported`, `dropped`. */
  private readonly spans: Record<string, number> = {};

  count(exchange: Exchange, durationMs: number): void {
    const { claim, errorCode } = exchange;
    this.of(claim?.service.name ?? exchange.route?.service?.name ?? '', claim?.deployment.id ?? '').count(
      exchange,
      durationMs,
    );
    if (errorCode !== '') this.refusals.set(errorCode, (this.refusals.get(errorCode) ?? 0) + 1);
  }

  /** Spans that the collector took, or that were given up. */
  readonly countSpans = (outcome: 'exported' | 'dropped', spans: number): void => {
    this.spans[outcome] = (this.spans[outcome] ?? 0) + spans;
  };

  /** As they are now, as plain data. */
  counts(): {
    readonly series: Record<string, SeriesCounts>;
    readonly errors: Record<string, number>;
    readonly spans: Record<string, number>;
  } {
    return {
      series: Object.fromEntries(Array.from(this.series, ([key, series]) => [key, series.counts])),
      errors: Object.fromEntries(this.refusals),
      spans: { ...this.spans },
    };
  }

  /** They have left, and what they did was told. */
  forget(deployments: readonly string[]): void {
    for (const deployment of deployments) if (deployment !== '') this.series.delete(deployment);
  }

  private of(service: string, deployment: string): Series {
    const key = deployment === '' ? service : deployment;
    let series = this.series.get(key);
    if (series === undefined) {
      if (this.series.size >= SERIES_MAX) this.series.delete([...this.series.keys()][1]!);
      this.series.set(key, (series = new Series(service, deployment)));
    }
    return series;
  }
}
