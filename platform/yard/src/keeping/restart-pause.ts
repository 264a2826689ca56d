/** How long to wait before the next start of something that ended; pure. */

export const FIRST_PAUSE_MS = 200;
export const LONGEST_PAUSE_MS = 30_000;
/** What was well for this long starts over with the first pause. */
export const RESET_AFTER_MS = 60_000;

/** Pause before attempt number `failures + 1`: 0.2 s, doubling, at most 30 s. */
export function restartPauseMs(failures: number): number {
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(30, Math.max(0, failures - 1)));
}

/** Failures in a row after one more end: an instance that was well long enough counts as the first again. */
export function failuresAfter(failures: number, wellForMs: number): number {
  return wellForMs >= RESET_AFTER_MS ? 1 : failures + 1;
}
