/** A swap on a terminal: a row for each stage that has been reached, one for what is going on, and the report below. */
import type { Output, Surroundings } from '../command.ts';
import type { Swapped } from '../control/control-client.ts';
import type { SwapEvent } from '../swap/swap-report.ts';
import { isFinal } from '../swap/swap-stage.ts';
import { duration } from './duration.ts';
import { RedrawnRows } from './redrawn-rows.ts';
import { moves, progressed, STAGE_WIDTH, WORK } from './swap-progress.ts';
import type { SwapProgress, SwapStep } from './swap-progress.ts';
import { reportLines, requestsText } from './swap-report-lines.ts';

type Colours = Surroundings['colours'];

const BAR_COLUMNS = 24;
const BAD_ENDS = new Set<string>(['aborting', 'aborted', 'reverting', 'reverted']);

export class LiveSwapView {
  private readonly output: Output;
  private readonly colours: Colours;
  private readonly rows: RedrawnRows;
  private readonly watched = new Set<string>();
  private progress: SwapProgress | null = null;

  constructor(output: Output, colours: Colours) {
    this.output = output;
    this.colours = colours;
    this.rows = new RedrawnRows(output, (spinner, columns) => ({
      rows: this.progress === null ? [] : swapRows(this.progress, { colours, spinner, columns }),
      isMoving: this.progress !== null && !isFinal(this.progress.latest.stage),
    }));
  }

  onEvent(event: SwapEvent): void {
    // What was shown of another swap stays above.
    if (this.progress !== null && this.progress.id !== event.id) this.rows.close();
    this.progress = progressed(this.progress, event);
    this.watched.add(event.id);
    this.rows.redraw();
  }

  note(text: string): void {
    this.rows.above([this.colours.yellow(text)]);
  }

  ended({ report, goingOn }: Pick<Swapped, 'report' | 'goingOn'>): void {
    this.close();
    const { output, colours } = this;
    if (report !== null) {
      const isWatched = this.watched.has(report.id);
      const lines = reportLines(report, { colours, columns: Math.max(20, output.columns ?? 80), isWatched });
      for (const line of isWatched ? ['', ...lines] : lines) output.write(`${line}\n`);
    }
    if (goingOn !== '') output.write(`${goingOn}\n`);
  }

  failed(): void {
    this.close();
  }

  close(): void {
    this.rows.close();
    this.progress = null;
  }
}

interface Drawing {
  readonly colours: Colours;
  readonly spinner: string;
  readonly columns: number;
}

/** Exported for its tests: pure. */
export function swapRows(progress: SwapProgress, drawing: Drawing): string[] {
  const { colours } = drawing;
  const steps = progress.steps.map((step, index) =>
    stepRow(step, step.atMs - (progress.steps[index - 1]?.atMs ?? 0), colours),
  );
  return [`  ${colours.bold(moves(progress.services))}`, ...steps, ...workRows(progress, drawing)];
}

function stepRow({ stage, detail }: SwapStep, tookMs: number, colours: Colours): string {
  const mark = BAD_ENDS.has(stage) ? colours.red('✗') : colours.green('✓');
  const took = colours.dim(duration(tookMs).padStart(9));
  return `${mark} ${stage.padEnd(STAGE_WIDTH)} ${took}  ${colours.dim(detail)}`.trimEnd();
}

function workRows({ latest, bakeMs }: SwapProgress, { colours, spinner, columns }: Drawing): string[] {
  if (isFinal(latest.stage)) return [];
  const { figures, stage, services, isHeld } = latest;
  const mark = isHeld === true ? colours.yellow('◼') : colours.cyan(spinner);
  const doing = `${mark} ${latest.detail === '' ? WORK[stage] : latest.detail}`;
  const left = figures['bakeLeftMs'];
  const percent = figures['percent'];
  const share =
    left !== undefined && bakeMs !== null && bakeMs > 0
      ? 1 - left / bakeMs
      : percent === undefined
        ? null
        : percent / 100;
  const rows = [doing];
  if (share !== null) {
    const words = left === undefined ? `${percent} %` : `${duration(left)} left`;
    const size = Math.max(8, Math.min(BAR_COLUMNS, columns - words.length - 4));
    const full = Math.round(Math.min(1, Math.max(0, share)) * size);
    rows.push(`  ${colours.cyan('━'.repeat(full))}${colours.dim('─'.repeat(size - full))} ${words}`);
  }
  const names = Object.values(services);
  const after = requestsOf(figures, '');
  const before = requestsOf(figures, 'Before');
  const newer = names.map(({ to }) => to ?? '…').join(', ');
  const older = names.map(({ from }) => from ?? '…').join(', ');
  const width = Math.max(newer.length, older.length);
  if (after !== null) rows.push(`  ${colours.bold(newer.padEnd(width))}  ${after}`);
  if (before !== null) rows.push(`  ${older.padEnd(width)}  ${before}`);
  return rows;
}

function requestsOf(figures: SwapEvent['figures'], suffix: '' | 'Before'): string | null {
  const requests = figures[`requests${suffix}`];
  if (requests === undefined) return null;
  return requestsText({
    requests,
    failed: figures[`failed${suffix}`] ?? 0,
    meanLatencyMs: figures[`meanLatencyMs${suffix}`] ?? 0,
  });
}
