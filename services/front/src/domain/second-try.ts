/** Whether a call that failed is made once more by itself, and how long after. */

export interface FailedCall {
  readonly method: string;
  readonly status: number;
  readonly retryAfterSeconds: number | null;
}

/** A pause that is longer is for the reader to see. */
const PAUSE_MAX_MS = 2_000;
const PAUSE_UNTOLD_MS = 300;
/** Added at random, so that pages which failed together do not come back together. */
const SPREAD_MS = 300;

/**
 * Milliseconds until the second try; null: none. Only reading is repeated, and only where the answer says that the service is away for the
 * moment (502, 503): one instance was just leaving, and another takes the next request. `random` is 0 to 1.
 */
export function pauseBeforeSecondTry({ method, status, retryAfterSeconds }: FailedCall, random: number): number | null {
  if (method !== 'GET' || (status !== 502 && status !== 503)) return null;
  const toldMs = retryAfterSeconds === null ? PAUSE_UNTOLD_MS : retryAfterSeconds * 1_000;
  return toldMs > PAUSE_MAX_MS ? null : toldMs + random * SPREAD_MS;
}
