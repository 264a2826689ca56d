/** The gateway's counts, kept as plain numbers and written in Prometheus' text format when asked for. */
import type { Exchange } from '../exchange.ts';
import type { Deployment } from '../routing/deployment.ts';
import type { RoutingTable } from '../routing/routing-table.ts';

/** Upper bounds of the histogram's buckets, in seconds. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const CLASSES = ['1xx', '2xx', '3xx', '4xx', '5xx'];
/** Services and deployments at most; beyond it the oldest is forgotten. */
const SERIES_MAX = 500;

class Series {
  readonly labels: string;
  readonly deployment: string;
  /** The deployment has left, and its last counts were told. */
  isTold = false;
  readonly byClass = new Float64Array(CLASSES.length);
  readonly buckets = new Float64Array(BUCKETS.length + 1);
  seconds = 0;
  retries = 0;
  /** How often no answer came: the service broke off, was not there, or not in time. */
  upstreamErrors = 0;

  constructor(service: string, deployment: string) {
    this.deployment = deployment;
    this.labels = `service="${service}",deployment="${deployment}"`;
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
}

export interface Gauges {
  readonly routing: RoutingTable;
  readonly openStreams: () => number;
  readonly openConnections: () => number;
}

export class Metrics {
  /** By deployment; '' is the gateway's own interface and what was refused before a service was found. */
  private readonly series = new Map<string, Series>([['', new Series('', '')]]);
  private readonly refusals = new Map<string, number>();

  count(exchange: Exchange, durationMs: number): void {
    const { claim, errorCode } = exchange;
    this.of(claim?.service.name ?? exchange.route?.service?.name ?? '', claim?.deployment.id ?? '').count(
      exchange,
      durationMs,
    );
    if (errorCode !== '') this.refusals.set(errorCode, (this.refusals.get(errorCode) ?? 0) + 1);
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

  /** The text of `GET /metrics`. */
  render(gauges: Gauges): string {
    const lines: string[] = [];
    this.forgetTold(gauges.routing);
    const all = [...this.series.values()];
    family(lines, 'gateway_requests_total', 'counter', 'Requests answered, by class of status', () =>
      all.flatMap((one) =>
        CLASSES.map((name, index) => `{${one.labels},status="${name}"} ${one.byClass[index]}`).filter(
          (_line, index) => one.byClass[index] !== 0,
        ),
      ),
    );
    this.renderDurations(lines, all);
    family(lines, 'gateway_retries_total', 'counter', 'Attempts after a first one that failed', () =>
      all.map((one) => `{${one.labels}} ${one.retries}`),
    );
    family(lines, 'gateway_upstream_errors_total', 'counter', 'Requests that a service left without an answer', () =>
      all.map((one) => `{${one.labels}} ${one.upstreamErrors}`),
    );
    family(lines, 'gateway_errors_total', 'counter', "Answers of the gateway's own, by error code", () =>
      [...this.refusals].map(([code, count]) => `{code="${code}"} ${count}`),
    );
    renderGauges(lines, gauges);
    return `${lines.join('\n')}\n`;
  }

  /** A deployment that left is told once more, so that its last requests are not missed, and then never again. */
  private forgetTold(routing: RoutingTable): void {
    const present = new Set(routing.deployments.map(({ id }) => id));
    for (const [key, series] of this.series) {
      if (series.deployment === '' || present.has(series.deployment)) series.isTold = false;
      else if (series.isTold) this.series.delete(key);
      else series.isTold = true;
    }
  }

  private renderDurations(lines: string[], all: readonly Series[]): void {
    const name = 'gateway_request_duration_seconds';
    lines.push(`# HELP ${name} From the head of a request to the end of its answer`, `# TYPE ${name} histogram`);
    for (const one of all) {
      let cumulated = 0;
      for (const [index, count] of one.buckets.entries()) {
        cumulated += count;
        lines.push(`${name}_bucket{${one.labels},le="${BUCKETS[index] ?? '+Inf'}"} ${cumulated}`);
      }
      lines.push(`${name}_sum{${one.labels}} ${one.seconds}`, `${name}_count{${one.labels}} ${cumulated}`);
    }
  }
}

function family(lines: string[], name: string, type: string, help: string, samples: () => readonly string[]): void {
  lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
  for (const sample of samples()) lines.push(`${name}${sample}`);
}

const BREAKER_VALUE = { closed: 0, 'half-open': 1, open: 2 } as const;

function renderGauges(lines: string[], gauges: Gauges): void {
  const ofDeployments = (value: (deployment: Deployment) => number) => () =>
    gauges.routing.deployments.map((one) => `{service="${one.service}",deployment="${one.id}"} ${value(one)}`);
  family(
    lines,
    'gateway_in_flight',
    'gauge',
    'Requests claimed on a deployment and not yet ended',
    ofDeployments((one) => one.inFlight),
  );
  family(
    lines,
    'gateway_attempts_failed_total',
    'counter',
    'Attempts on a deployment that it answered with 5xx or left without a whole answer, repeated ones too',
    ofDeployments((one) => one.failed),
  );
  family(
    lines,
    'gateway_share_percent',
    'gauge',
    'Share of requests that a deployment gets by the table',
    ofDeployments((one) => one.share),
  );
  family(
    lines,
    'gateway_breaker_state',
    'gauge',
    '0 closed, 1 half-open, 2 open',
    ofDeployments((one) => BREAKER_VALUE[one.breaker.state.name]),
  );
  family(lines, 'gateway_epoch', 'gauge', 'Epoch of the table that requests are routed by', () => [
    ` ${gauges.routing.epoch ?? 0}`,
  ]);
  family(lines, 'gateway_open_streams', 'gauge', 'Event streams and WebSockets', () => [` ${gauges.openStreams()}`]);
  family(lines, 'gateway_client_connections', 'gauge', 'Connections of clients', () => [
    ` ${gauges.openConnections()}`,
  ]);
}
