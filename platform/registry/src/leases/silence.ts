/** Tells one death from many instances falling silent at once, which more likely means that the registry is cut off. */

/** This share of all instances gone silent together is mass silence … */
export const MASS_SHARE = 0.3;
/** … if it is at least this many: one death is one death, however few instances there are. */
export const MASS_COUNT = 2;

/** Times are counted in steps of this many milliseconds. */
const STEP_MS = 250;
/** Steps without anybody silent are forgotten after this long. */
const KEPT_MS = 7_200_000;

interface Step {
  /** Silent and still in the table. */
  silent: number;
  /** Silent and removed. */
  removed: number;
}

/** Counts by the time at which instances fell silent: their lease ran out, and their probe got no answer. */
export class Silence {
  private readonly steps = new Map<number, Step>();
  private silentNow = 0;
  private nextSweepMs = 0;

  /** How many are silent now. */
  get count(): number {
    return this.silentNow;
  }

  began(atMs: number): void {
    this.step(atMs).silent += 1;
    this.silentNow += 1;
  }

  /** It was heard again, or has left by itself. */
  ended(atMs: number): void {
    this.step(atMs).silent -= 1;
    this.silentNow -= 1;
  }

  /** It was removed: it goes on counting for those that fell silent with it. */
  removed(atMs: number, nowMs: number): void {
    this.ended(atMs);
    this.step(atMs).removed += 1;
    if (nowMs < this.nextSweepMs) return;
    this.nextSweepMs = nowMs + KEPT_MS / 10;
    for (const [index, step] of this.steps)
      if (step.silent === 0 && (index + 1) * STEP_MS < nowMs - KEPT_MS) this.steps.delete(index);
  }

  /** Whether who fell silent at `atMs` did so in company: within `windowMs` before and after, of `total` instances that are left. */
  isMass(atMs: number, windowMs: number, total: number): boolean {
    const first = Math.floor((atMs - windowMs) / STEP_MS);
    const last = Math.floor((atMs + windowMs) / STEP_MS);
    let silent = 0;
    let removed = 0;
    const add = (step: Step | undefined): void => {
      silent += step?.silent ?? 0;
      removed += step?.removed ?? 0;
    };
    if (last - first < this.steps.size) for (let index = first; index <= last; index += 1) add(this.steps.get(index));
    else for (const [index, step] of this.steps) if (index >= first && index <= last) add(step);
    const together = silent + removed;
    return together >= MASS_COUNT && together >= MASS_SHARE * (total + removed);
  }

  private step(atMs: number): Step {
    const index = Math.floor(atMs / STEP_MS);
    let step = this.steps.get(index);
    if (step === undefined) {
      step = { silent: 0, removed: 0 };
      this.steps.set(index, step);
    }
    return step;
  }
}
