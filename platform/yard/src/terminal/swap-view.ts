/** Shows a swap while it goes on and when it is over: redrawn on a terminal, plain lines elsewhere, JSON for programs. */
import type { Invocation, Output, Surroundings } from '../command.ts';
import type { Swapped } from '../control/control-client.ts';
import type { SwapEvent } from '../swap/swap-report.ts';
import { duration } from './duration.ts';
import { LiveSwapView } from './live-swap-view.ts';
import { moves, progressed, STAGE_WIDTH } from './swap-progress.ts';
import type { SwapProgress } from './swap-progress.ts';
import { reportLines } from './swap-report-lines.ts';

type Colours = Surroundings['colours'];

export interface SwapView {
  onEvent(event: SwapEvent): void;
  /** A sentence to whoever waits. */
  note(text: string): void;
  /** How a swap stands at last, or how it was left. */
  ended(swapped: Pick<Swapped, 'exitCode' | 'report' | 'goingOn'>): void;
  /** It could not be asked for, or nothing more can be heard of it. Whoever asked throws the same as a fault. */
  failed(fault: { readonly exitCode: number; readonly message: string; readonly hint?: string | undefined }): void;
  /** Leaves what is shown as it is. */
  close(): void;
}

export function swapView({ stdout, stderr, colours, values }: Invocation): SwapView {
  if (values['json'] === true) return new JsonView(stdout, stderr);
  return stdout.isTTY === true
    ? new LiveSwapView(stdout, colours, () => performance.now())
    : new PlainSwapView(stdout, colours);
}

/** One object a line: each event, and at the end one of kind `report` with the exit code. */
class JsonView implements SwapView {
  private readonly stdout: Output;
  private readonly stderr: Output;

  constructor(stdout: Output, stderr: Output) {
    this.stdout = stdout;
    this.stderr = stderr;
  }

  onEvent(event: SwapEvent): void {
    this.write(event);
  }

  note(text: string): void {
    this.stderr.write(`${text}\n`);
  }

  ended({ exitCode, report, goingOn }: Parameters<SwapView['ended']>[0]): void {
    const { kind: what, ...rest } = report ?? { kind: undefined };
    this.write({ kind: 'report', exitCode, goingOn, ...(what === undefined ? {} : { what }), ...rest });
  }

  failed({ exitCode, message, hint }: Parameters<SwapView['failed']>[0]): void {
    this.write({ kind: 'report', exitCode, message, ...(hint === undefined ? {} : { hint }) });
  }

  close(): void {
    // Every line is out already.
  }

  private write(value: object): void {
    this.stdout.write(`${JSON.stringify(value)}\n`);
  }
}

/** A line for each stage, and for each thing that is done from it. */
export class PlainSwapView implements SwapView {
  private readonly output: Output;
  private readonly colours: Colours;
  private progress: SwapProgress | null = null;
  private readonly watched = new Set<string>();
  private told = '';

  constructor(output: Output, colours: Colours) {
    this.output = output;
    this.colours = colours;
  }

  onEvent(event: SwapEvent): void {
    const before = this.progress;
    this.progress = progressed(before, event);
    this.watched.add(event.id);
    const isReached = before === null || this.progress.steps !== before.steps;
    const names = moves(event.services);
    // A number that goes down while something is waited for is no news in a log.
    const news = `${event.detail.replaceAll(/[0-9]+/g, '#')}${names}`;
    if (!isReached && (news === this.told || event.detail === '')) return;
    const isNamed = before !== null && moves(before.services) === names && before.id === event.id;
    this.told = news;
    const text = [(isReached ? event.stage : '').padEnd(STAGE_WIDTH), isNamed ? '' : names, event.detail];
    this.line(`${duration(event.sinceMs).padStart(11)}  ${text.filter((part) => part !== '').join('  ')}`.trimEnd());
  }

  note(text: string): void {
    this.line(text);
  }

  ended({ exitCode, report, goingOn }: Parameters<SwapView['ended']>[0]): void {
    if (report !== null) {
      const isWatched = this.watched.has(report.id);
      const lines = reportLines(report, exitCode, { colours: this.colours, columns: null, isWatched });
      for (const line of lines) this.line(line);
    }
    if (goingOn !== '') this.line(goingOn);
  }

  failed(): void {
    // The fault itself is told on standard error.
  }

  close(): void {
    // Every line is out already.
  }

  private line(text: string): void {
    this.output.write(`${text}\n`);
  }
}
