/** How long a session lasts, and how many one account may have. */

const DAY_SECONDS = 86_400;
/** Unused for this long, it ends … */
export const IDLE_SECONDS = 30 * DAY_SECONDS;
/** … and however much it is used, after this. */
export const ABSOLUTE_SECONDS = 90 * DAY_SECONDS;
/** Opening one more ends the one that was used least lately. */
export const SESSIONS_MAX = 1_000;
/** Ended sessions are told for longer than any access token lives (10 minutes). */
export const ENDED_KEPT_SECONDS = 3_600;
/** What a gateway that has just started is told: more than the life of an access token. */
export const ENDED_TOLD_SECONDS = 900;

/** When a session that is used now will lapse. */
export const lapseOf = (openedAt: Date, usedAt: Date): Date =>
  new Date(Math.min(usedAt.getTime() + IDLE_SECONDS * 1_000, openedAt.getTime() + ABSOLUTE_SECONDS * 1_000));

export const secondsUntil = (lapse: Date, now: Date): number =>
  Math.max(0, Math.floor((lapse.getTime() - now.getTime()) / 1_000));
