/** What was measured of each contestant, as a table: medians with their spread, and ratios to nginx and the best Node peer. */
import { markdownTable, median } from '../report.ts';
import type { Family } from './contestants/contestant.ts';

export interface RoundFigure {
  /** CPU time of the proxy's whole process tree for one request. */
  readonly cpuMicros: number;
  readonly requestsPerSecond: number;
  /** PSS of the tree after the run. */
  readonly memoryMiB: number;
}

export interface Figure {
  readonly name: string;
  readonly says: string;
  readonly family: Family;
  readonly rounds: RoundFigure[];
}

/** Ratios are taken round by round, and their median is shown: what slows a round slows both. */
export function tableOf(figures: readonly Figure[]): string {
  const nginx = figures.find(({ name }) => name === 'nginx');
  const bestPeer = figures
    .filter(({ family }) => family === 'node')
    .toSorted((a, b) => median(cpuOf(a)) - median(cpuOf(b)))[0];
  return markdownTable(
    ['proxy', 'CPU µs per request', 'of nginx', `times ${bestPeer?.says ?? 'best Node peer'}`, 'requests/s', 'MiB'],
    figures.map((figure) => [
      figure.says,
      spread(cpuOf(figure), 1),
      ratio(nginx, figure),
      ratio(bestPeer, figure),
      spread(
        figure.rounds.map(({ requestsPerSecond }) => requestsPerSecond),
        0,
      ),
      median(figure.rounds.map(({ memoryMiB }) => memoryMiB)),
    ]),
  );
}

const cpuOf = (figure: Figure): number[] => figure.rounds.map(({ cpuMicros }) => cpuMicros);

/** How many requests it does with the CPU time of one of `reference`. */
const ratio = (reference: Figure | undefined, figure: Figure): string =>
  reference === undefined
    ? ''
    : median(cpuOf(figure).map((micros, round) => reference.rounds[round]!.cpuMicros / micros)).toFixed(2);

const spread = (values: readonly number[], digits: number): string => {
  const shown = (value: number): string =>
    value.toLocaleString('en', { maximumFractionDigits: digits, minimumFractionDigits: digits });
  return `${shown(median(values))} (${shown(Math.min(...values))}..${shown(Math.max(...values))})`;
};
