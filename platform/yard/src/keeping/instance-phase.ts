/** The life of one place for an instance, as a table: which signal leads from which phase to which; pure. */

/**
 * waiting: for the registry, a database, or services it needs. preparing: its release is being built or copied. starting: it runs and
 * is not well yet. ready: it is well, registered and live. pausing: it ended, and is started again. stopped: on purpose.
 */
export type Phase = 'waiting' | 'preparing' | 'starting' | 'ready' | 'pausing' | 'stopping' | 'stopped';

export type Signal =
  /** Work on its release begins. */
  | 'prepare'
  /** Everything it waits for is there, or it was found running. */
  | 'start'
  /** Its release is there, and something else is not. */
  | 'wait'
  | 'well'
  /** It ended, could not be started, or was not well in time. */
  | 'failed'
  | 'stop'
  | 'ended';

/** `null`: the signal means nothing in that phase, and is a mistake of the caller. */
const TRANSITIONS: { readonly [P in Phase]: { readonly [S in Signal]: Phase | null } } = {
  waiting: row({ prepare: 'preparing', start: 'starting', wait: 'waiting', failed: 'pausing', stop: 'stopping' }),
  preparing: row({ prepare: 'preparing', wait: 'waiting', start: 'starting', failed: 'pausing', stop: 'stopping' }),
  starting: row({ well: 'ready', failed: 'pausing', stop: 'stopping' }),
  ready: row({ failed: 'pausing', stop: 'stopping' }),
  pausing: row({ prepare: 'preparing', wait: 'waiting', start: 'starting', failed: 'pausing', stop: 'stopping' }),
  stopping: row({ ended: 'stopped', stop: 'stopping' }),
  stopped: row({ prepare: 'preparing', wait: 'waiting', start: 'starting', failed: 'pausing', stop: 'stopping' }),
};

function row(given: Partial<Record<Signal, Phase>>): Record<Signal, Phase | null> {
  return { prepare: null, start: null, wait: null, well: null, failed: null, stop: null, ended: null, ...given };
}

/** The next phase. Throws when the signal has no meaning in this one. */
export function nextPhase(phase: Phase, signal: Signal): Phase {
  const next = TRANSITIONS[phase][signal];
  if (next === null) throw new Error(`${signal} means nothing to an instance that is ${phase}`);
  return next;
}

/** What a service is as a whole: ready as soon as one instance is, else what is furthest on its way. */
export function serviceState(phases: readonly Phase[]): Phase {
  const order: readonly Phase[] = ['ready', 'starting', 'preparing', 'waiting', 'pausing', 'stopping', 'stopped'];
  return order.find((phase) => phases.includes(phase)) ?? 'stopped';
}
