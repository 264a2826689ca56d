/** The stages of a swap and what leads from one to the next, as a table; pure. */

/**
 * The stage that has been reached; it is written to the journal before the step that leads out of it begins, so that whoever reads it
 * after a crash knows that this step may have happened, in part or in full.
 *
 * locked .. retired: the way of a swap. uncertain: interrupted where the commit may have been made. aborting, reverting: being undone,
 * before and after the commit. retired, aborted, reverted: over.
 */
export const swapStages = [
  'asked',
  'locked',
  'built',
  'spawned',
  'healthy',
  'warm',
  'preview',
  'canary',
  'uncertain',
  'committed',
  'acknowledged',
  'drained',
  'baked',
  'retired',
  'aborting',
  'aborted',
  'reverting',
  'reverted',
] as const;
export type SwapStage = (typeof swapStages)[number];
export type FinalStage = 'retired' | 'aborted' | 'reverted';

export type SwapSignal =
  /** The step that leads on has been done. */
  | 'done'
  /** It could not be done, or the new deployment is not good. */
  | 'failed'
  /** Somebody asked to give it up, or to take it back. */
  | 'withdrawn'
  /** The new deployment has become a preview, or a canary. */
  | 'previewed'
  | 'split'
  /** It was found in the journal by a supervisor that did not begin it. */
  | 'interrupted'
  /** What the registry says of an uncertain commit: `done`, it was made, or this. */
  | 'uncommitted';

export const isFinal = (stage: SwapStage): stage is FinalStage =>
  stage === 'retired' || stage === 'aborted' || stage === 'reverted';

/** The registry has made the new one live, and nobody has taken it back. */
export const isCommitted = (stage: SwapStage): boolean =>
  stage === 'committed' || stage === 'acknowledged' || stage === 'drained' || stage === 'baked';

/** Nothing has been changed yet that others see. */
export const isUnchanged = (stage: SwapStage): boolean =>
  stage === 'asked' || stage === 'locked' || stage === 'built' || stage === 'spawned' || stage === 'healthy';

/**
 * Its step begins only once the journal holds it. An interruption undoes what the journal says of the stage before, which would stop a new
 * deployment that has become live since: so it is with `warm` too.
 */
export const isToBeJournaled = (stage: SwapStage): boolean => isUnchanged(stage) || stage === 'warm';

/** `null`: the signal means nothing there, and is a mistake of the caller. */
const TRANSITIONS: { readonly [S in SwapStage]: { readonly [G in SwapSignal]: SwapStage | null } } = {
  asked: before('locked'),
  locked: before('built'),
  built: before('spawned'),
  spawned: before('healthy'),
  healthy: before('warm'),
  warm: { ...before('committed'), previewed: 'preview', split: 'canary', interrupted: 'uncertain' },
  preview: { ...before('committed'), split: 'canary', interrupted: 'uncertain' },
  canary: { ...before('committed'), interrupted: 'uncertain' },
  uncertain: {
    ...before('committed'),
    previewed: 'preview',
    split: 'canary',
    uncommitted: 'aborting',
    interrupted: 'uncertain',
  },
  committed: after('acknowledged', 'committed'),
  acknowledged: after('drained', 'acknowledged'),
  drained: after('baked', 'drained'),
  // The deployment before may be gone already: from here it goes forward only.
  baked: row({ done: 'retired', failed: 'retired', interrupted: 'baked' }),
  retired: row({}),
  aborting: row({ done: 'aborted', failed: 'aborted', interrupted: 'aborting' }),
  aborted: row({}),
  // When the deployment before cannot serve any more, the new one, bad as it may be, is all there is.
  reverting: row({ done: 'reverted', failed: 'baked', interrupted: 'reverting' }),
  reverted: row({}),
};

function before(next: SwapStage): Record<SwapSignal, SwapStage | null> {
  return row({ done: next, failed: 'aborting', withdrawn: 'aborting', interrupted: 'aborting' });
}

function after(next: SwapStage, itself: SwapStage): Record<SwapSignal, SwapStage | null> {
  return row({ done: next, failed: 'reverting', withdrawn: 'reverting', interrupted: itself });
}

function row(given: Partial<Record<SwapSignal, SwapStage>>): Record<SwapSignal, SwapStage | null> {
  return {
    done: null,
    failed: null,
    withdrawn: null,
    previewed: null,
    split: null,
    interrupted: null,
    uncommitted: null,
    ...given,
  };
}

/** The next stage. Throws when the signal has no meaning in this one. */
export function nextStage(stage: SwapStage, signal: SwapSignal): SwapStage {
  const next = TRANSITIONS[stage][signal];
  if (next === null) throw new Error(`${signal} means nothing to a swap that is ${stage}`);
  return next;
}
