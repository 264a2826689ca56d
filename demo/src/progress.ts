/** A progress bar on a terminal, a line each tenth elsewhere. */

export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

const WIDTH = 30;

export class Progress {
  private done = 0;
  private shownTenth = -1;
  private readonly startedAt = performance.now();
  private readonly label: string;
  private readonly total: number;
  private readonly output: Output;
  constructor(label: string, total: number, output: Output) {
    this.label = label.padEnd(12);
    this.total = total;
    this.output = output;
    this.show();
  }

  step(): void {
    this.done += 1;
    this.show();
  }

  end(note: string): void {
    const line = `${this.label} ${note} in ${((performance.now() - this.startedAt) / 1000).toFixed(1)} s`;
    this.output.write(this.output.isTTY === true ? `\r\u001b[2K${line}\n` : `${line}\n`);
  }

  private show(): void {
    const share = this.total === 0 ? 1 : this.done / this.total;
    if (this.output.isTTY === true) {
      const percent = Math.floor(share * 100);
      if (percent === this.shownTenth) return;
      this.shownTenth = percent;
      const filled = Math.round(share * WIDTH);
      this.output.write(
        `\r\u001b[2K${this.label} ${'█'.repeat(filled)}${'░'.repeat(WIDTH - filled)} ${percent} %  ${this.done}/${this.total}`,
      );
      return;
    }
    const tenth = Math.floor(share * 10);
    if (tenth === this.shownTenth) return;
    this.shownTenth = tenth;
    this.output.write(`${this.label} ${tenth * 10} % (${this.done}/${this.total})\n`);
  }
}
