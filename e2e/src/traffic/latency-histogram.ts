/** Counts latencies in buckets that grow by 2 %, so that any number of them takes the same memory. */

const GROWTH = Math.log(1.02);
/** Everything faster is counted as this. */
const FLOOR_MS = 0.01;

export interface Percentiles {
  readonly count: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

export class LatencyHistogram {
  private readonly buckets: number[] = [];
  private count = 0;
  private max = 0;

  record(ms: number): void {
    const bucket = Math.max(0, Math.ceil(Math.log(ms / FLOOR_MS) / GROWTH));
    // Filled up to here, so that the array has no holes.
    while (this.buckets.length <= bucket) this.buckets.push(0);
    this.buckets[bucket]! += 1;
    this.count += 1;
    this.max = Math.max(this.max, ms);
  }

  /** Milliseconds that this share (0 to 1) of all values does not exceed, at most 2 % too much; 0 without values. */
  percentile(share: number): number {
    let left = Math.ceil(this.count * share);
    for (const [bucket, count] of this.buckets.entries()) {
      left -= count;
      if (left <= 0 && count > 0) return Math.min(this.max, FLOOR_MS * Math.exp(bucket * GROWTH));
    }
    return this.max;
  }

  summary(): Percentiles {
    const at = (share: number) => Number(this.percentile(share).toPrecision(3));
    return { count: this.count, p50: at(0.5), p90: at(0.9), p99: at(0.99), max: Number(this.max.toPrecision(4)) };
  }
}
