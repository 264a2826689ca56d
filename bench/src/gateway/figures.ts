/** What was measured, as tables: medians with their spread, and ratios to nginx and the best Node peer. */
import { markdownTable, median } from '../report.ts';
import type { Family } from './contestants/contestant.ts';
import type { OpenLoopFigures } from './open-loop.ts';

export interface CostRound {
  /** CPU time of the proxy's whole process tree for one request. */
  readonly cpuMicros: number;
  /** The part of it that the kernel spent, which is mostly the sockets'. */
  readonly kernelMicros: number;
  readonly requestsPerSecond: number;
  /** Less than the cores it is held to: something else ran there, or the load was not enough. */
  readonly coresUsed: number;
  /** PSS of the tree after the run. */
  readonly memoryMiB: number;
  readonly faults: number;
}

/** The same rate, one after the other. */
export interface LatencyRound {
  readonly ratePerSecond: number;
  readonly own: OpenLoopFigures;
  readonly nginx: OpenLoopFigures | null;
  /** Without a proxy. */
  readonly direct: OpenLoopFigures;
  /** CPU time for one request at that rate. */
  readonly cpuMicros: number;
  readonly nginxCpuMicros: number | null;
}

export interface Figures {
  readonly name: string;
  readonly says: string;
  readonly family: Family;
  readonly costs: readonly CostRound[];
}

export interface LatencyFigures {
  readonly name: string;
  readonly says: string;
  readonly latencies: readonly LatencyRound[];
}

/** Ratios are taken round by round, and their median is shown: what slows a round slows both. */
export function costTable(all: readonly Figures[]): string {
  const nginx = all.find(({ name }) => name === 'nginx');
  const bestPeer = all
    .filter(({ family }) => family === 'node')
    .toSorted((a, b) => median(cpuOf(a)) - median(cpuOf(b)))[0];
  return markdownTable(
    [
      'proxy',
      'CPU µs per request',
      'in the kernel',
      ...(nginx === undefined ? [] : ['of nginx']),
      ...(bestPeer === undefined ? [] : [`times ${bestPeer.says}`]),
      'requests/s',
      'cores used',
      'MiB',
    ],
    all.map((figures) => [
      figures.says,
      spread(cpuOf(figures), 1),
      median(figures.costs.map(({ kernelMicros }) => kernelMicros)).toFixed(1),
      ...(nginx === undefined ? [] : [ratio(nginx, figures)]),
      ...(bestPeer === undefined ? [] : [ratio(bestPeer, figures)]),
      spread(
        figures.costs.map(({ requestsPerSecond }) => requestsPerSecond),
        0,
      ),
      spread(
        figures.costs.map(({ coresUsed }) => coresUsed),
        2,
      ),
      median(figures.costs.map(({ memoryMiB }) => memoryMiB)).toFixed(0),
    ]),
  );
}

/** At half of what each did in the closed loop. */
export function latencyTable(all: readonly LatencyFigures[]): string {
  return markdownTable(
    [
      'proxy',
      'at requests/s',
      'p50 µs',
      'p99 µs',
      'nginx there, p50 and p99',
      'no proxy, p50 and p99',
      'CPU µs per request there',
      "nginx's there",
      'of nginx',
      'not answered well',
    ],
    all.map(({ says, latencies }) => {
      const of = (pick: (round: LatencyRound) => number, digits = 0) => spread(latencies.map(pick), digits);
      const middle = (pick: (round: LatencyRound) => number) => median(latencies.map(pick)).toFixed(0);
      const hasNginx = latencies.every(({ nginx }) => nginx !== null);
      return [
        says,
        latencies[0]!.ratePerSecond,
        of(({ own }) => own.p50Micros),
        of(({ own }) => own.p99Micros),
        hasNginx ? `${middle(({ nginx }) => nginx!.p50Micros)}, ${middle(({ nginx }) => nginx!.p99Micros)}` : '',
        `${middle(({ direct }) => direct.p50Micros)}, ${middle(({ direct }) => direct.p99Micros)}`,
        of(({ cpuMicros }) => cpuMicros, 1),
        hasNginx ? of(({ nginxCpuMicros }) => nginxCpuMicros!, 1) : '',
        hasNginx
          ? median(latencies.map(({ cpuMicros, nginxCpuMicros }) => nginxCpuMicros! / cpuMicros)).toFixed(2)
          : '',
        latencies.reduce((sum, { own }) => sum + own.faults, 0),
      ];
    }),
  );
}

const cpuOf = (figures: Figures): number[] => figures.costs.map(({ cpuMicros }) => cpuMicros);

/** How many requests it does with the CPU time of one of `reference`. */
const ratio = (reference: Figures, figures: Figures): string =>
  median(cpuOf(figures).map((micros, round) => reference.costs[round]!.cpuMicros / micros)).toFixed(2);

const spread = (values: readonly number[], digits: number): string => {
  const shown = (value: number): string =>
    value.toLocaleString('en', { maximumFractionDigits: digits, minimumFractionDigits: digits });
  return `${shown(median(values))} (${shown(Math.min(...values))}..${shown(Math.max(...values))})`;
};
