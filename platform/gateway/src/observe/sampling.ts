/** Which traces are kept of all: decided by the trace's id alone, so that whoever keeps the same share keeps the same ones. */

/** The last 52 of its bits: the random ones of W3C Trace Context Level 2, section 3.2.2.3, as far as a number holds them exactly. */
const DIGITS = 13;
const RANGE = 16 ** DIGITS;
const TRACE_ID_LENGTH = 32;

export class Sampling {
  /** 0 to 1. */
  readonly share: number;
  /** The first of those digits that are kept, in lower-case hex. */
  private readonly from: string;

  constructor(share: number) {
    this.share = share;
    this.from = Math.min(Math.floor((1 - share) * RANGE), RANGE - 1)
      .toString(16)
      .padStart(DIGITS, '0');
  }

  /** @param traceId 32 digits of lower-case hex: they compare as characters, and mostly the first one decides */
  keeps(traceId: string): boolean {
    if (this.share >= 1) return true;
    if (this.share <= 0) return false;
    for (let index = 0; index < DIGITS; index += 1) {
      const digit = traceId.charCodeAt(TRACE_ID_LENGTH - DIGITS + index);
      const first = this.from.charCodeAt(index);
      if (digit !== first) return digit > first;
    }
    return true;
  }
}
