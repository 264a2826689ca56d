/** Which traces are kept of all: decided by the trace's id alone, so that whoever keeps the same share keeps the same ones. */

/** The last 52 of its bits: the random ones of W3C Trace Context Level 2, section 3.2.2.3, as far as a number holds them exactly. */
const DIGITS = 13;
const RANGE = 16 ** DIGITS;

export class Sampling {
  /** 0 to 1. */
  readonly share: number;
  private readonly from: number;

  constructor(share: number) {
    this.share = share;
    this.from = (1 - share) * RANGE;
  }

  /** @param traceId 32 digits of lower-case hex */
  keeps(traceId: string): boolean {
    return this.share >= 1 || Number.parseInt(traceId.slice(-DIGITS), 16) >= this.from;
  }
}
