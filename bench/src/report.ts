/** Prints measurements as Markdown, with the machine and the commit they were taken on. */
import { execFileSync } from 'node:child_process';
import { cpus, totalmem } from 'node:os';

/** A Markdown table; numbers are shown with three significant digits. */
export function markdownTable(columns: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const shown = (cell: string | number) => (typeof cell === 'string' ? cell : shownNumber(cell));
  return [
    `| ${columns.join(' | ')} |`,
    `| ${columns.map(() => '---').join(' | ')} |`,
    ...rows.map((row) => `| ${row.map(shown).join(' | ')} |`),
  ].join('\n');
}

const shownNumber = (value: number): string =>
  Number.isInteger(value)
    ? value.toLocaleString('en')
    : value >= 100
      ? Math.round(value).toLocaleString('en')
      : String(Number(value.toPrecision(3)));

/** `2 x Intel …, 24 GiB, Node v26.10.0, commit abc1234` */
export function machine(): string {
  let commit = 'unknown';
  try {
    commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  } catch {
    // measured outside a checkout
  }
  return `${cpus().length} x ${cpus()[0]?.model ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}, commit ${commit}`;
}

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
};
