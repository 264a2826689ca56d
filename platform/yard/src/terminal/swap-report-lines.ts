/** The report of a swap for people: what is live now, why, and in which figures; pure. */
import { EXIT } from '../command.ts';
import type { Surroundings } from '../command.ts';
import { prettyLogLine } from '../logs/log-line.ts';
import type { SwapReport } from '../swap/swap-report.ts';
import { cut, wrapped } from './cut.ts';
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

/** `exitCode`: of the command; a swap that was taken back because somebody asked for it has gone well. */
export function reportLines(report: SwapReport, exitCode: number, options: ReportOptions): string[] {
  const { colours } = options;
  const why = report.reason === null ? [] : fitted(report.reason, options);
  const lines = report.lines.slice(-LINES_MAX).map((line) => logLine(line, options));
  const timeline = report.timeline.map(({ stage, atMs }) => `${stage} ${duration(atMs)}`).join(', ');
  return [
    ...fitted(verdict(report, exitCode, colours), options, ''),
    ...(options.isWatched ? [] : fitted(`${moves(report.services)}: ${timeline}`, options).map(colours.dim)),
    ...why,
    ...lines,
    ...requestRows(report, options),
    ...commitRow(report, options),
  ];
}

function verdict(report: SwapReport, exitCode: number, colours: Colours): string {
  const { outcome, kind, services } = report;
  const colour = exitCode === EXIT.done ? colours.green : exitCode === EXIT.failed ? colours.yellow : colours.red;
  const mark = exitCode === EXIT.done ? '✓' : exitCode === EXIT.failed ? '!' : '✗';
  const took = duration(Date.parse(report.endedAt) - Date.parse(report.startedAt));
  const now = Object.entries(services).map(([service, { from, to }]) => {
    if (outcome === 'done') {
      const live = `${colours.bold(to ?? service)} is live${kind === 'rollback' ? ' again' : ''}`;
      return from === null ? live : `${live} (${from} before)`;
    }
    const stays = from === null ? `nothing of ${service} is live` : `${colours.bold(from)} is live`;
    return `${stays}${outcome === 'aborted' ? ', as before' : ' again'}`;
  });
  const when = outcome === 'done' ? 'in' : 'after';
  return `${colour(`${mark} ${outcome}`)} ${when} ${took}: ${now.join('; ')}`;
}

/** One line, or several on a terminal that is narrow. */
const fitted = (text: string, { columns }: ReportOptions, indent = '  '): string[] =>
  (columns === null ? [text] : wrapped(text, columns - 1 - indent.length)).map((line) => `${indent}${line}`);

function logLine(text: string, { colours, columns }: ReportOptions): string {
  if (columns === null) return `    ${text}`;
  return colours.dim(cut(`    ${prettyLogLine({ service: '', text, timeMs: null }, colours)}`, columns - 1));
}

function requestRows({ requests, epoch }: SwapReport, { columns }: ReportOptions): string[] {
  const rows = Object.entries(requests);
  // Before the commit of a quiet service there is nothing to tell.
  if (epoch === null && rows.every(([, told]) => told.requests === 0)) return [];
  const width = Math.max(0, ...rows.map(([deployment]) => deployment.length));
  return rows.map(([deployment, told]) =>
    cut(`  ${deployment.padEnd(width)}  ${requestsText(told)}`, columns === null ? Infinity : columns - 1),
  );
}

/** `1200 requests, 3 failed, 4.1 ms each`. */
export function requestsText(told: { requests: number; failed: number; meanLatencyMs: number | null }): string {
  const count = `${told.requests} ${told.requests === 1 ? 'request' : 'requests'}, ${told.failed} failed`;
  return told.requests === 0 || told.meanLatencyMs === null
    ? count
    : `${count}, ${told.meanLatencyMs.toFixed(1)} ms each`;
}

function commitRow(report: SwapReport, options: ReportOptions): string[] {
  const { epoch, commitToAcknowledgedMs, revertMs, cut: cutRequests } = report;
  if (epoch === null) return [];
  const acknowledged =
    commitToAcknowledgedMs === null ? [] : [`everyone routed by it after ${duration(commitToAcknowledgedMs)}`];
  const reverted = revertMs === null ? [] : [`taken back in ${duration(revertMs)}`];
  const requests = cutRequests === 1 ? 'request' : 'requests';
  const ended = [cutRequests === 0 ? 'no request was cut' : `${cutRequests} ${requests} cut`];
  return fitted([`epoch ${epoch}`, ...acknowledged, ...reverted, ...ended].join(', '), options);
}
