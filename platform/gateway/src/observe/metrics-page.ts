/** The text of `GET /metrics` in Prometheus' text format, for all workers of a gateway together. */
import { byBreaker } from './figures.ts';
import { BUCKETS, CLASSES } from './metrics.ts';
import type { BreakerName, Counts, Now } from './figures.ts';
import type { SeriesCounts } from './metrics.ts';

/** A deployment as the table has it. */
export interface KnownDeployment {
  readonly id: string;
  readonly service: string;
  readonly share: number;
}

/** Figures of a process itself, as its metrics registry has them. */
export interface ProcessFamily {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly values: readonly {
    /** Where it differs from the name of the family, as in a histogram. */
    readonly metricName?: string;
    readonly labels: Readonly<Record<string, string | number>>;
    readonly value: number;
  }[];
}

export interface PageParts {
  /** Of all workers, those that died included. */
  readonly counts: Counts;
  /** Of each worker that has answered. */
  readonly now: ReadonlyMap<number, Now>;
  /** The same. */
  readonly processes: ReadonlyMap<number, readonly ProcessFamily[]>;
  readonly deployments: readonly KnownDeployment[];
  /** Workers that there are to be. */
  readonly workers: number;
  /** Workers that died so far. */
  readonly deaths: number;
}

const BREAKER_VALUE: { readonly [N in BreakerName]: number } = { closed: 0, 'half-open': 1, open: 2 };
/** What a breaker says that nobody told of. */
const CLOSED = { state: 'closed', retryInMs: 0 } as const;

export function renderMetrics(page: PageParts): string {
  const lines: string[] = [];
  renderCounts(lines, page.counts);
  renderDeployments(lines, page);
  renderWorkers(lines, page);
  renderProcesses(lines, page.processes);
  return `${lines.join('\n')}\n`;
}

function renderCounts(lines: string[], { series, errors, spans }: Counts): void {
  const all = Object.values(series);
  family(
    lines,
    'gateway_requests_total',
    'counter',
    'Requests answered, by class of status',
    all.flatMap((one) =>
      CLASSES.map((name, index) => `{${labelsOf(one)},status="${name}"} ${one.byClass[index]}`).filter(
        (_line, index) => one.byClass[index] !== 0,
      ),
    ),
  );
  renderDurations(lines, all);
  family(
    lines,
    'gateway_retries_total',
    'counter',
    'Attempts after a first one that failed',
    all.map((one) => `{${labelsOf(one)}} ${one.retries}`),
  );
  family(
    lines,
    'gateway_upstream_errors_total',
    'counter',
    'Requests that a service left without an answer',
    all.map((one) => `{${labelsOf(one)}} ${one.upstreamErrors}`),
  );
  family(
    lines,
    'gateway_errors_total',
    'counter',
    "Answers of the gateway's own, by error code",
    Object.entries(errors).map(([code, count]) => `{code="${code}"} ${count}`),
  );
  family(
    lines,
    'gateway_spans_total',
    'counter',
    'Spans that a collector took, or that were dropped because it did not',
    Object.entries(spans).map(([outcome, count]) => `{outcome="${outcome}"} ${count}`),
  );
}

function renderDurations(lines: string[], all: readonly SeriesCounts[]): void {
  const name = 'gateway_request_duration_seconds';
  lines.push(`# HELP ${name} From the head of a request to the end of its answer`, `# TYPE ${name} histogram`);
  for (const one of all) {
    const labels = labelsOf(one);
    let cumulated = 0;
    for (const [index, count] of one.buckets.entries()) {
      cumulated += count;
      lines.push(`${name}_bucket{${labels},le="${BUCKETS[index] ?? '+Inf'}"} ${cumulated}`);
    }
    lines.push(`${name}_sum{${labels}} ${one.seconds}`, `${name}_count{${labels}} ${cumulated}`);
  }
}

function renderDeployments(lines: string[], { counts, now, deployments }: PageParts): void {
  const workers = [...now.values()];
  const of = (value: (deployment: KnownDeployment) => number): string[] =>
    deployments.map((one) => `{service="${one.service}",deployment="${one.id}"} ${value(one)}`);
  family(
    lines,
    'gateway_in_flight',
    'gauge',
    'Requests claimed on a deployment and not yet ended',
    of(({ id }) => sum(workers.map(({ inFlight }) => inFlight[id] ?? 0))),
  );
  family(
    lines,
    'gateway_attempts_failed_total',
    'counter',
    'Attempts on a deployment that it answered with 5xx or left without a whole answer, repeated ones too',
    of(({ id }) => counts.traffic[id]?.failed ?? 0),
  );
  family(
    lines,
    'gateway_share_percent',
    'gauge',
    'Share of requests that a deployment gets by the table',
    of(({ share }) => share),
  );
  family(
    lines,
    'gateway_breaker_state',
    'gauge',
    '0 closed, 1 half-open, 2 open; the worst of all workers',
    of(({ id }) => {
      const [worst = CLOSED] = workers.flatMap(({ breakers }) => breakers[id] ?? []).toSorted(byBreaker);
      return BREAKER_VALUE[worst.state];
    }),
  );
}

function renderWorkers(lines: string[], { now, workers, deaths }: PageParts): void {
  const all = [...now];
  const total = (name: string, help: string, value: (one: Now) => number): void =>
    family(
      lines,
      name,
      'gauge',
      help,
      all.map(([worker, one]) => `{worker="${worker}"} ${value(one)}`),
    );
  family(lines, 'gateway_epoch', 'gauge', 'Oldest epoch that a worker routes requests by', [
    ` ${Math.min(...all.map(([, { epoch }]) => epoch ?? 0))}`,
  ]);
  total('gateway_open_streams', 'Event streams and WebSockets', ({ openStreams }) => openStreams);
  total('gateway_client_connections', 'Connections of clients', ({ openConnections }) => openConnections);
  family(lines, 'gateway_workers', 'gauge', 'Processes that are to share the door', [` ${workers}`]);
  family(lines, 'gateway_workers_silent', 'gauge', 'Those of them that did not say how they are', [
    ` ${workers - all.length}`,
  ]);
  family(lines, 'gateway_worker_deaths_total', 'counter', 'Workers that ended without having been told to', [
    ` ${deaths}`,
  ]);
}

/** Each family once, with a line for each worker: memory and processor time say little when they are summed. */
function renderProcesses(lines: string[], processes: PageParts['processes']): void {
  const families = new Map<string, { readonly family: ProcessFamily; readonly samples: string[] }>();
  for (const [worker, told] of processes)
    for (const one of told) {
      let known = families.get(one.name);
      if (known === undefined) families.set(one.name, (known = { family: one, samples: [] }));
      for (const { metricName, labels, value } of one.values) {
        const written = Object.entries({ ...labels, worker }).map(([label, is]) => `${label}="${is}"`);
        known.samples.push(`${metricName?.slice(one.name.length) ?? ''}{${written.join(',')}} ${value}`);
      }
    }
  for (const {
    family: { name, type, help },
    samples,
  } of families.values())
    family(lines, name, type, help, samples);
}

const labelsOf = ({ service, deployment }: SeriesCounts): string => `service="${service}",deployment="${deployment}"`;

function family(lines: string[], name: string, type: string, help: string, samples: readonly string[]): void {
  lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
  for (const sample of samples) lines.push(`${name}${sample}`);
}

const sum = (all: readonly number[]): number => all.reduce((total, one) => total + one, 0);
