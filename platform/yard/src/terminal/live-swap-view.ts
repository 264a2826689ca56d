/** A swap on a terminal: a row for each stage that has been reached, one for what is going on, and the report below. */
import type { Output, Surroundings } from '../command.ts';
import type { Swapped } from '../control/control-client.ts';
import type { SwapEvent } from '../swap/swap-report.ts';
import { isFinal } from '../swap/swap-stage.ts';
import { wrapped } from './cut.ts';
import { duration } from './duration.ts';
import { RedrawnRows } from './redrawn-rows.ts';
import { moves, progressed, STAGE_WIDTH, WORK } from './swap-progress.ts';
import type { SwapProgress, SwapStep } from './swap-progress.ts';
import { reportLines, requestsText } from './swap-report-lines.ts';

type Colours = Surroundings['colours'];

const BAR_COLUMNS = 24;
const BAR_MIN_COLUMNS = 6;
/** What takes less is not worth a number that changes. */
const SHOWN_FROM_MS = 1_000;
const BAD_ENDS = new Set<string>(['aborting', 'aborted', 'reverting', 'reverted']);

export class LiveSwapView {
  private readonly output: Output;
  private readonly colours: Colours;
  private readonly now: () => number;
  private readonly rows: RedrawnRows;
  private readonly watched = new Set<string>();
  private progress: SwapProgress | null = null;
  /** Whatever goes on is not shown any more. */
  private isLeft = false;

  private latestMs = 0;

  /** `now`: milliseconds that only go forwards. */
  constructor(output: Output, colours: Colours, now: () => number) {
    this.output = output;
    this.colours = colours;
    this.now = now;
    this.rows = new RedrawnRows(output, (spinner, columns) => ({
      rows:
        this.progress === null
          ? []
          : swapRows(this.progress, {
              colours,
              columns,
              spinner: this.isLeft ? null : spinner,
              elapsedMs: this.now() - this.latestMs,
            }),
      isMoving: this.progress !== null && !this.isLeft && !isFinal(this.progress.latest.stage),
    }));
  }

  onEvent(event: SwapEvent): void {
    this.isLeft = false;
    // What was shown of another swap stays above.
    if (this.progress !== null && this.progress.id !== event.id) this.rows.close();
    this.progress = progressed(this.progress, event);
    this.latestMs = this.now();
    this.watched.add(event.id);
    this.rows.redraw();
  }

  note(text: string): void {
    this.rows.above([this.colours.yellow(text)]);
  }

  ended({ exitCode, report, goingOn }: Pick<Swapped, 'exitCode' | 'report' | 'goingOn'>): void {
    this.close();
    const { output, colours } = this;
    const columns = Math.max(20, output.columns ?? 80);
    if (report !== null) {
      const isWatched = this.watched.has(report.id);
      const lines = reportLines(report, exitCode, { colours, columns, isWatched });
      for (const line of isWatched ? ['', ...lines] : lines) output.write(`${line}\n`);
    }
    if (goingOn !== '') for (const line of wrapped(goingOn, columns - 1)) output.write(`${line}\n`);
  }

  failed(): void {
    this.close();
  }

  close(): void {
    if (this.isLeft) return;
    this.isLeft = true;
    if (this.progress !== null) this.rows.redraw();
    this.rows.close();
  }
}

interface Drawing {
  readonly colours: Colours;
  /** Null: what is under way is not shown. */
  readonly spinner: string | null;
  readonly columns: number;
  /** Since the latest event. */
  readonly elapsedMs: number;
}

/** Exported for its tests: pure. */
export function swapRows(progress: SwapProgress, drawing: Drawing): string[] {
  const { colours } = drawing;
  const steps = progress.steps.map((step, index) =>
    stepRow(step, step.atMs - (progress.steps[index - 1]?.atMs ?? 0), colours),
  );
  // That it was asked for is seen by whoever asked.
  const shown = steps.filter((_, index) => progress.steps[index]!.stage !== 'asked');
  return [`  ${colours.bold(moves(progress.services))}`, ...shown, ...workRows(progress, drawing)];
}

function stepRow({ stage, detail }: SwapStep, tookMs: number, colours: Colours): string {
  const mark = BAD_ENDS.has(stage) ? colours.red('✗') : colours.green('✓');
  const took = colours.dim(duration(tookMs).padStart(9));
  return `${mark} ${stage.padEnd(STAGE_WIDTH)} ${took}  ${colours.dim(detail)}`.trimEnd();
}

function workRows(progress: SwapProgress, drawing: Drawing): string[] {
  const { figures, stage, services, isHeld } = progress.latest;
  const { colours, spinner } = drawing;
  if (spinner === null || isFinal(stage)) return [];
  const mark = isHeld === true ? colours.yellow('◼') : colours.cyan(spinner);
  const rows = [`${mark} ${timeAfter(doing(progress.latest), progress, drawing)}`];
  const names = Object.values(services);
  const after = requestsOf(figures, '');
  const before = requestsOf(figures, 'Before');
  const newer = names.map(({ to }) => to ?? '…').join(', ');
  const older = names.map(({ from }) => from ?? '…').join(', ');
  const width = Math.max(newer.length, older.length);
  const isFailing = (figures['failed'] ?? 0) > 0;
  if (after !== null) rows.push(`  ${colours.bold(newer.padEnd(width))}  ${isFailing ? colours.red(after) : after}`);
  if (before !== null) rows.push(`  ${older.padEnd(width)}  ${before}`);
  return rows;
}

function doing({ detail, stage, figures }: SwapEvent): string {
  if (detail !== '') return detail;
  const percent = stage === 'canary' ? figures['percent'] : undefined;
  return percent === undefined ? WORK[stage] : `${percent} % of the requests`;
}

/** The words, and how long it has taken, or, where that is known beforehand, how much is left. */
function timeAfter(words: string, { latest, steps, bakeMs }: SwapProgress, drawing: Drawing): string {
  const { colours, columns, elapsedMs } = drawing;
  const toldMs = latest.figures['bakeLeftMs'];
  if (toldMs === undefined || bakeMs === null || bakeMs <= 0) {
    const sinceMs = latest.sinceMs + elapsedMs - steps.at(-1)!.atMs;
    return sinceMs < SHOWN_FROM_MS ? words : `${words} ${colours.dim(duration(sinceMs))}`;
  }
  // Told once a second: between that, it goes on by itself.
  const leftMs = Math.max(0, toldMs - elapsedMs);
  const left = `${duration(leftMs)} left`;
  const size = Math.min(BAR_COLUMNS, columns - words.length - left.length - 4);
  if (size < BAR_MIN_COLUMNS) return `${words} ${left}`;
  const full = Math.round((1 - leftMs / bakeMs) * size);
  return `${words} ${colours.cyan('━'.repeat(full))}${colours.dim('─'.repeat(size - full))} ${left}`;
}

function requestsOf(figures: SwapEvent['figures'], suffix: '' | 'Before'): string | null {
  const requests = figures[`requests${suffix}`];
  if (requests === undefined) return null;
  return requestsText({
    requests,
    failed: figures[`failed${suffix}`] ?? 0,
    meanLatencyMs: figures[`meanLatencyMs${suffix}`] ?? null,
  });
}
