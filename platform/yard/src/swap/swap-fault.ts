/** Why a swap goes no further: a sentence, and what the new deployment logged last. */
export class SwapFault extends Error {
  readonly lines: readonly string[];
  constructor(message: string, lines: readonly string[] = []) {
    super(message);
    this.name = 'SwapFault';
    this.lines = lines;
  }
}
