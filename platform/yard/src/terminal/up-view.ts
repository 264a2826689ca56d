/** Shows how a yard comes up and goes down: a table that is redrawn on a terminal, plain lines elsewhere. */
import type { Output, Surroundings } from '../command.ts';
import type { YardEvent } from '../status/yard-event.ts';

type Colours = Surroundings['colours'];
type PhaseEvent = Extract<YardEvent, { kind: 'phase' }>;

const SPINNER = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const REDRAW_MS = 80;
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

/** `1.2 s`, `340 ms`. */
export const duration = (ms: number): string => (ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`);

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

  constructor(output: Output, colours: Colours, width: number) {
    this.output = output;
    this.colours = colours;
    this.width = width;
  }

  onEvent(event: YardEvent): void {
    if (event.kind === 'fault') for (const line of faultLines(event, this.colours)) this.line(line);
    else if (event.kind === 'ready') for (const line of readyLines(event, this.colours)) this.line(line);
    else if (event.kind === 'note') this.line(`${event.part.padEnd(this.width)}  ${event.message}`);
    else if (event.kind === 'swap') return;
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
  private drawn = 0;
  private frame = 0;
  private timer: NodeJS.Timeout | null = null;

  constructor(output: Output, colours: Colours, parts: readonly string[]) {
    this.output = output;
    this.colours = colours;
    this.parts = new Map(parts.map((part) => [part, null]));
    this.width = Math.max(...parts.map((part) => part.length));
  }

  onEvent(event: YardEvent): void {
    if (event.kind === 'phase') {
      this.parts.set(event.part, event);
      this.redraw();
    } else if (event.kind === 'fault') this.above(faultLines(event, this.colours));
    else if (event.kind === 'note') this.above([`${this.colours.yellow('!')} ${event.part}: ${event.message}`]);
    else if (event.kind === 'ready') {
      this.redraw();
      this.close();
      for (const line of readyLines(event, this.colours)) this.output.write(`${line}\n`);
    }
  }

  line(text: string): void {
    this.above([text]);
  }

  close(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
    this.drawn = 0;
  }

  private above(lines: readonly string[]): void {
    this.erase();
    for (const line of lines) this.output.write(`${line}\n`);
    this.redraw();
  }

  private redraw(): void {
    const columns = Math.max(20, this.output.columns ?? 80);
    this.erase();
    const rows = [...this.parts].map(([part, event]) => this.row(part, event));
    this.output.write(rows.map((row) => `${cut(row, columns - 1)}\n`).join(''));
    this.drawn = rows.length;
    const isMoving = [...this.parts.values()].some((event) => event !== null && isUnderWay(event));
    if (isMoving && this.timer === null) {
      this.timer = setInterval(() => {
        this.frame += 1;
        this.redraw();
      }, REDRAW_MS);
      this.timer.unref();
    } else if (!isMoving && this.timer !== null) {
      clearInterval(this.timer);
      this.timer = null;
    }
  }

  private row(part: string, event: PhaseEvent | null): string {
    const { colours } = this;
    const name = colours.bold(part.padEnd(this.width));
    if (event === null) return `  ${colours.dim(part.padEnd(this.width))}`;
    const mark = isUnderWay(event)
      ? colours.cyan(SPINNER[this.frame % SPINNER.length])
      : event.phase === 'ready'
        ? colours.green('✓')
        : event.phase === 'pausing'
          ? colours.red('✗')
          : ' ';
    return `${mark} ${name}  ${phaseText(event, colours)}`;
  }

  private erase(): void {
    if (this.drawn > 0) this.output.write(`\u001B[${this.drawn}A\u001B[0J`);
    this.drawn = 0;
  }
}

const isUnderWay = ({ phase }: PhaseEvent): boolean =>
  phase === 'preparing' || phase === 'starting' || phase === 'waiting' || phase === 'stopping';

/** The first `columns` visible characters; colour sequences count nothing and are kept whole. */
export function cut(text: string, columns: number): string {
  let visible = 0;
  let result = '';
  for (const part of text.split(/(\u001B\[[0-9;]*m)/)) {
    if (part.startsWith('\u001B[')) {
      result += part;
      continue;
    }
    const room = Math.max(0, columns - visible);
    const characters = Array.from(part);
    result += characters.slice(0, room).join('');
    visible += characters.length;
  }
  return result;
}
