/** Shows how a yard comes up and goes down: a table that is redrawn on a terminal, plain lines elsewhere. */
import type { Output, Surroundings } from '../command.ts';
import type { YardEvent } from '../status/yard-event.ts';
import { duration } from './duration.ts';
import { SwapNews } from './swap-news.ts';
import { RedrawnRows } from './redrawn-rows.ts';

type Colours = Surroundings['colours'];
type PhaseEvent = Extract<YardEvent, { kind: 'phase' }>;

const LINES_OF_FAULT_MAX = 15;

export interface UpView {
  onEvent(event: YardEvent): void;
  /** A line above everything that is still redrawn. */
  line(text: string): void;
  /** Leaves what is shown as it is. */
  close(): void;
}

/** The order in which `parts` are given is the order of the table. */
export function upView(output: Output, colours: Colours, parts: readonly string[]): UpView {
  const width = Math.max(...parts.map((part) => part.length));
  return output.isTTY === true ? new LiveView(output, colours, parts) : new PlainView(output, colours, width);
}

function phaseText(event: PhaseEvent, colours: Colours): string {
  const took = event.tookMs === null ? '' : colours.dim(` ${duration(event.tookMs)}`);
  const detail = event.detail === '' ? '' : ` ${event.detail}`;
  switch (event.phase) {
    case 'ready':
      return `${colours.green('ready')}${took}${colours.dim(detail)}`;
    case 'pausing':
      return `${colours.red('failed')} ${event.detail}`;
    case 'waiting':
      return colours.dim(`waiting${detail}`);
    case 'preparing':
      return event.detail === '' ? 'preparing' : event.detail;
    case 'starting':
    case 'stopping':
      return `${event.phase}${colours.dim(detail)}`;
    case 'stopped':
      return colours.dim('stopped');
  }
}

function faultLines(event: Extract<YardEvent, { kind: 'fault' }>, colours: Colours): string[] {
  const sentence = `${colours.red('✗')} ${colours.bold(event.part)}: ${event.message}`;
  const lines = event.isRepeated ? [] : event.lines.slice(-LINES_OF_FAULT_MAX);
  return [sentence, ...lines.map((line) => colours.dim(`    ${line}`))];
}

function readyLines(event: Extract<YardEvent, { kind: 'ready' }>, colours: Colours): string[] {
  return [
    '',
    `${colours.green('●')} ${colours.bold(event.url)} ${colours.dim(`ready in ${duration(event.tookMs)}`)}`,
    '',
  ];
}

class PlainView implements UpView {
  private readonly output: Output;
  private readonly colours: Colours;
  private readonly width: number;
  private readonly told = new Map<string, string>();
  private readonly news = new SwapNews();

  constructor(output: Output, colours: Colours, width: number) {
    this.output = output;
    this.colours = colours;
    this.width = width;
  }

  onEvent(event: YardEvent): void {
    if (event.kind === 'fault') for (const line of faultLines(event, this.colours)) this.line(line);
    else if (event.kind === 'ready') for (const line of readyLines(event, this.colours)) this.line(line);
    else if (event.kind === 'note') this.line(`${event.part.padEnd(this.width)}  ${event.message}`);
    else if (event.kind === 'swap')
      for (const [part, text] of this.news.of(event)) this.line(`${part.padEnd(this.width)}  ${text}`);
    else if (event.phase === 'waiting' && event.detail === '') return;
    else if (event.phase !== 'pausing' && event.phase !== 'stopping') {
      const text = phaseText(event, this.colours);
      // Each instance of a service comes by the same ways; one line says it.
      if (this.told.get(event.part) === text) return;
      this.told.set(event.part, text);
      this.line(`${event.part.padEnd(this.width)}  ${text}`);
    }
  }

  line(text: string): void {
    this.output.write(`${text}\n`);
  }

  close(): void {
    // Every line is out already.
  }
}

class LiveView implements UpView {
  private readonly output: Output;
  private readonly colours: Colours;
  private readonly parts: Map<string, PhaseEvent | null>;
  private readonly width: number;
  private readonly table: RedrawnRows;
  private readonly news = new SwapNews();

  constructor(output: Output, colours: Colours, parts: readonly string[]) {
    this.output = output;
    this.colours = colours;
    this.parts = new Map(parts.map((part) => [part, null]));
    this.width = Math.max(...parts.map((part) => part.length));
    this.table = new RedrawnRows(output, (spinner) => ({
      rows: [...this.parts].map(([part, event]) => this.row(part, event, spinner)),
      isMoving: [...this.parts.values()].some((event) => event !== null && isUnderWay(event)),
    }));
  }

  onEvent(event: YardEvent): void {
    if (event.kind === 'phase') {
      this.parts.set(event.part, event);
      this.table.redraw();
    } else if (event.kind === 'fault') this.table.above(faultLines(event, this.colours));
    else if (event.kind === 'note') this.table.above([`${this.colours.yellow('!')} ${event.part}: ${event.message}`]);
    else if (event.kind === 'swap') {
      const lines = this.news.of(event).map(([part, text]) => `${this.colours.cyan('»')} ${part}: ${text}`);
      if (lines.length > 0) this.table.above(lines);
    } else if (event.kind === 'ready') {
      this.table.redraw();
      this.table.close();
      for (const line of readyLines(event, this.colours)) this.output.write(`${line}\n`);
    }
  }

  line(text: string): void {
    this.table.above([text]);
  }

  close(): void {
    this.table.close();
  }

  private row(part: string, event: PhaseEvent | null, spinner: string): string {
    const { colours } = this;
    const name = colours.bold(part.padEnd(this.width));
    if (event === null) return `  ${colours.dim(part.padEnd(this.width))}`;
    const mark = isUnderWay(event)
      ? colours.cyan(spinner)
      : event.phase === 'ready'
        ? colours.green('✓')
        : event.phase === 'pausing'
          ? colours.red('✗')
          : ' ';
    return `${mark} ${name}  ${phaseText(event, colours)}`;
  }
}

const isUnderWay = ({ phase }: PhaseEvent): boolean =>
  phase === 'preparing' || phase === 'starting' || phase === 'waiting' || phase === 'stopping';
