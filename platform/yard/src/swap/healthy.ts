/** Waits until an instance is well and stays so for several answers in a row. */
import { setTimeout as pause } from 'node:timers/promises';
import type { HealthAnswer } from '../keeping/health-check.ts';

export interface Steadiness {
  /** Good answers in a row. */
  readonly answers: number;
  /** Between an answer and the next question. */
  readonly everyMs: number;
  /** Longest time for all of it, from now on. */
  readonly deadlineMs: number;
  /** Aborted: its reason is thrown. */
  readonly signal: AbortSignal;
  /** A clock that does not go back, in milliseconds. */
  readonly now: () => number;
}

/**
 * Null once it is steady; a sentence when the deadline has passed. One good answer is not enough: what crashes in its first second, or is
 * well only between two restarts, has one too. A bad answer begins the count anew.
 *
 * @param ask answers within a time of its own
 */
export async function untilSteady(ask: () => Promise<HealthAnswer>, steadiness: Steadiness): Promise<string | null> {
  const { answers, everyMs, deadlineMs, signal, now } = steadiness;
  const endsAtMs = now() + deadlineMs;
  let inARow = 0;
  let bad: string | null = null;
  for (;;) {
    signal.throwIfAborted();
    const answer = await ask();
    if (answer.kind === 'well') inARow += 1;
    else {
      inARow = 0;
      bad = answer.why;
    }
    if (inARow >= answers) return null;
    if (now() >= endsAtMs) {
      const within = `within ${deadlineMs / 1_000} s`;
      return inARow === 0
        ? `${bad}, after waiting ${deadlineMs / 1_000} s`
        : `no ${answers} good answers in a row ${within}${bad === null ? '' : `; the last bad one: ${bad}`}`;
    }
    await pause(everyMs, undefined, { signal });
  }
}
