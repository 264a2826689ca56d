/** The report of a swap for people: what is live now, why, and in which figures; pure. */
import type { Surroundings } from '../command.ts';
import { prettyLogLine } from '../logs/log-line.ts';
import type { SwapReport } from '../swap/swap-report.ts';
import { cut } from './cut.ts';
import { duration } from './duration.ts';
import { moves } from './swap-progress.ts';

type Colours = Surroundings['colours'];

const LINES_MAX = 20;

export interface ReportOptions {
  readonly colours: Colours;
  /** Width of the terminal, log lines are made readable for it; null: not a terminal, everything as it is. */
  readonly columns: number | null;
  /** Whether the stages have been shown as they came. */
  readonly isWatched: boolean;
}

export function reportLines(report: SwapReport, options: ReportOptions): string[] {
  const { colours } = options;
  const took = Date.parse(report.endedAt) - Date.parse(report.startedAt);
  const head = `${verdict(report, colours)} ${colours.dim(`after ${duration(took)}`)}`;
  const why = report.reason === null ? [] : [`  ${report.reason}`];
  const lines = report.lines.slice(-LINES_MAX).map((line) => logLine(line, options));
  const timeline = report.timeline.map(({ stage, atMs }) => `${stage} ${duration(atMs)}`).join(', ');
  return [
    head,
    ...(options.isWatched ? [] : [colours.dim(`  ${moves(report.services)}`), colours.dim(`  ${timeline}`)]),
    ...why,
    ...lines,
    ...requestRows(report),
    ...commitRow(report),
  ];
}

function verdict({ outcome, kind, services }: SwapReport, colours: Colours): string {
  const each = Object.entries(services);
  const sentence = (say: (service: string, from: string | null, to: string | null) => string) =>
    each.map(([service, { from, to }]) => say(service, from, to)).join('; ');
  switch (outcome) {
    case 'done': {
      const told = sentence((service, from, to) => {
        const live = `${colours.bold(to ?? service)} is live${kind === 'rollback' ? ' again' : ''}`;
        return from === null ? live : `${live} (${from} before)`;
      });
      return `${colours.green('✓')} ${told}`;
    }
    case 'aborted':
      return `${colours.red('✗')} aborted: ${sentence((service, from) => stays(service, from, 'as before', colours))}`;
    case 'reverted':
      return `${colours.red('✗')} reverted: ${sentence((service, from) => stays(service, from, 'again', colours))}`;
  }
}

const stays = (service: string, from: string | null, how: string, colours: Colours): string =>
  from === null
    ? `nothing of ${service} is live, ${how}`
    : `${colours.bold(from)} is live${how === 'again' ? '' : ','} ${how}`;

function logLine(text: string, { colours, columns }: ReportOptions): string {
  if (columns === null) return `    ${text}`;
  return colours.dim(cut(`    ${prettyLogLine({ service: '', text, timeMs: null }, colours)}`, columns - 1));
}

function requestRows({ requests }: SwapReport): string[] {
  const rows = Object.entries(requests);
  const width = Math.max(0, ...rows.map(([deployment]) => deployment.length));
  return rows.map(([deployment, told]) => `  ${deployment.padEnd(width)}  ${requestsText(told)}`);
}

/** `1200 requests, 3 failed, 4.1 ms`. */
export function requestsText(told: SwapReport['requests'][string]): string {
  const count = `${told.requests} ${told.requests === 1 ? 'request' : 'requests'}, ${told.failed} failed`;
  return told.requests === 0 ? count : `${count}, ${told.meanLatencyMs.toFixed(1)} ms each`;
}

function commitRow({ epoch, commitToAcknowledgedMs, revertMs, cut: cutRequests }: SwapReport): string[] {
  if (epoch === null) return [];
  const acknowledged =
    commitToAcknowledgedMs === null ? [] : [`everyone routed by it after ${duration(commitToAcknowledgedMs)}`];
  const reverted = revertMs === null ? [] : [`taken back in ${duration(revertMs)}`];
  const requests = cutRequests === 1 ? 'request' : 'requests';
  const ended = [cutRequests === 0 ? 'no request was cut' : `${cutRequests} ${requests} cut`];
  return [`  ${[`epoch ${epoch}`, ...acknowledged, ...reverted, ...ended].join(', ')}`];
}
