/** What survives a restart, as a value: what is declared, what is live, the epoch that counts its changes, and who holds which lock. */
import { deploymentId, serviceName, split } from '@switchyard/contracts/registry';
import type { Declarations, LiveChange } from '@switchyard/contracts/registry';
import { routePolicy } from '@switchyard/contracts/route';
import { z } from 'zod';

const liveEntry = z.strictObject({ live: deploymentId.nullable(), standby: deploymentId.nullable(), split });
export type LiveEntry = z.infer<typeof liveEntry>;

const heldLock = z.object({ holder: z.string(), token: z.int().min(0), ttlMs: z.int().min(0) });
export type HeldLock = z.infer<typeof heldLock>;

const fields = {
  /** Counts the saves: of two copies the higher one is newer. */
  sequence: z.int().min(0),
  epoch: z.int().min(0),
  /** No revision above it was given out. */
  revisionCeiling: z.int().min(0),
  declared: z.record(serviceName, z.strictObject({ routes: z.array(routePolicy) })),
  live: z.record(serviceName, liveEntry),
  /** The largest fencing token that was given. */
  fence: z.int().min(0).default(0),
  locks: z.record(serviceName, heldLock).default({}),
};
/** Fields that a newer registry added are kept as they are, so that one can be rolled back to the version before. */
export const liveState = z.looseObject(fields);
export type LiveState = z.infer<z.ZodObject<typeof fields>>;

/** Revisions are reserved in blocks of this many, so that not each one has to be saved. */
export const REVISION_BLOCK = 1_000_000;

export const emptyState: LiveState = {
  sequence: 0,
  epoch: 0,
  revisionCeiling: 0,
  declared: {},
  live: {},
  fence: 0,
  locks: {},
};

/**
 * The revision that a process begins with. It is above all that were given out before, so that a watcher's old
 * `Last-Event-ID` is never taken for a new one: above the saved ceiling, and above the time in ms, should the state have been lost.
 */
export const firstRevision = (state: LiveState, wallClockMs: number): number =>
  Math.max(state.revisionCeiling, Math.floor(wallClockMs));

/** Sets what is live; one more epoch, however many services it names. */
export const withLive = (state: LiveState, changes: LiveChange['changes']): LiveState => ({
  ...state,
  epoch: state.epoch + 1,
  live: { ...state.live, ...changes },
});

/** The service is no more: nothing is remembered of what was live. */
export function withoutLive(state: LiveState, services: readonly string[]): LiveState {
  const live = { ...state.live };
  for (const service of services) delete live[service];
  return { ...state, epoch: state.epoch + 1, live };
}

/**
 * Replaces the declarations. What is live stays for names that were declared and still are. A name that becomes declared, or is no longer,
 * begins anew, because whoever had it before had it by another right.
 */
export function withDeclarations(state: LiveState, services: Declarations['services']): LiveState {
  const declared: LiveState['declared'] = {};
  for (const [name, { routes }] of Object.entries(services)) {
    const before = state.declared[name];
    declared[name] = JSON.stringify(before?.routes) === JSON.stringify(routes) ? before! : { routes };
  }
  const isSame =
    Object.keys(declared).length === Object.keys(state.declared).length &&
    Object.entries(declared).every(([name, value]) => state.declared[name] === value);
  if (isSame) return state;
  const begun = Object.keys(state.live).filter((name) => name in declared !== name in state.declared);
  return { ...(begun.length === 0 ? state : withoutLive(state, begun)), declared };
}

/**
 * Gives the lock to `holder`, whoever had it. Its token is above all that were given before, and above the time in ms, should the state have
 * been lost or put back from a backup.
 */
export function withLock(
  state: LiveState,
  service: string,
  to: { readonly holder: string; readonly ttlMs: number; readonly wallClockMs: number },
): LiveState {
  const fence = Math.max(state.fence + 1, Math.floor(to.wallClockMs));
  const lock: HeldLock = { holder: to.holder, token: fence, ttlMs: to.ttlMs };
  return { ...state, fence, locks: { ...state.locks, [service]: lock } };
}

/** Nobody holds the lock. The same state when nobody did. */
export function withoutLock(state: LiveState, service: string): LiveState {
  if (!Object.hasOwn(state.locks, service)) return state;
  const { [service]: _released, ...locks } = state.locks;
  return { ...state, locks };
}
