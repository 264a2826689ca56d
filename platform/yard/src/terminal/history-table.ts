/** Past swaps as a table, one a row; pure. */
import type { Surroundings } from '../command.ts';
import type { SwapReport } from '../swap/swap-report.ts';
import { cut } from './cut.ts';
import { duration } from './duration.ts';
import { moves } from './swap-progress.ts';

type Colours = Surroundings['colours'];

const HEAD = ['WHEN', 'WHAT', 'OUTCOME', 'TOOK', 'REQUESTS', 'FAILED', 'ACK'];
const OUTCOME = 2;

/** Times are of this machine's zone. `columns`: what there is room for; null: all there is to say. */
export function historyTable(
  reports: readonly SwapReport[],
  { colours, columns }: { readonly colours: Colours; readonly columns: number | null },
): string[] {
  const rows = [HEAD, ...reports.map(cells)];
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row, index) => {
    const padded = row.map((cell, column) => {
      const wide = column > OUTCOME ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!);
      return index === 0 ? colours.dim(wide) : column === OUTCOME ? outcomeColoured(wide, colours) : wide;
    });
    const line = padded.join('  ').trimEnd();
    return columns === null ? line : cut(line, columns);
  });
}

function cells(report: SwapReport): string[] {
  const told = Object.values(report.requests);
  const sum = (key: 'requests' | 'failed') => String(told.reduce((total, one) => total + one[key], 0));
  return [
    localTime(new Date(report.startedAt)),
    `${moves(report.services)}${report.kind === 'rollback' ? ' (rollback)' : ''}`,
    report.outcome,
    duration(Date.parse(report.endedAt) - Date.parse(report.startedAt)),
    sum('requests'),
    sum('failed'),
    report.commitToAcknowledgedMs === null ? '-' : duration(report.commitToAcknowledgedMs),
  ];
}

function outcomeColoured(cell: string, colours: Colours): string {
  return cell.startsWith('done')
    ? colours.green(cell)
    : cell.startsWith('reverted')
      ? colours.red(cell)
      : colours.yellow(cell);
}

/** `2026-11-22 06:12`. */
function localTime(time: Date): string {
  const two = (part: number) => String(part).padStart(2, '0');
  const day = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join('-');
  return `${day} ${two(time.getHours())}:${two(time.getMinutes())}`;
}
