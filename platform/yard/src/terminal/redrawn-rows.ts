/** Rows at the bottom of a terminal that are drawn again in place, with a spinner for as long as something is under way. */
import type { Output } from '../command.ts';
import { cut } from './cut.ts';

const SPINNER = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const REDRAW_MS = 80;

/** `spinner` is the sign to put before what is under way; `columns` is what there is room for. */
export type Draw = (
  spinner: string,
  columns: number,
) => { readonly rows: readonly string[]; readonly isMoving: boolean };

export class RedrawnRows {
  private readonly output: Output;
  private readonly draw: Draw;
  private drawn = 0;
  private frame = 0;
  private timer: NodeJS.Timeout | null = null;

  constructor(output: Output, draw: Draw) {
    this.output = output;
    this.draw = draw;
  }

  /** Something has changed; from now on as often as the spinner turns, while anything moves. */
  redraw(): void {
    this.write([]);
  }

  /** Lines that stay, above what is drawn again. They may be longer than the terminal is wide. */
  above(lines: readonly string[]): void {
    this.write(lines);
  }

  /** Leaves what is shown as it is; drawn again, it is drawn below. */
  close(): void {
    this.rest();
    this.drawn = 0;
  }

  private write(above: readonly string[]): void {
    const columns = Math.max(20, this.output.columns ?? 80) - 1;
    const { rows, isMoving } = this.draw(SPINNER[this.frame % SPINNER.length]!, columns);
    // From the first column: the terminal may have shown a ^C since.
    const erased = this.drawn > 0 ? `\r\u001B[${this.drawn}A\u001B[0J` : '';
    // What has left the screen at its top cannot be drawn again.
    const shown = rows.slice(-Math.max(1, (this.output.rows ?? 200) - 1)).map((row) => cut(row, columns));
    this.output.write(erased + [...above, ...shown].map((line) => `${line}\n`).join(''));
    this.drawn = shown.length;
    if (!isMoving) this.rest();
    else
      this.timer ??= setInterval(() => {
        this.frame += 1;
        this.write([]);
      }, REDRAW_MS).unref();
  }

  private rest(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }
}
