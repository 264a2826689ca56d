/** What survives a restart, as a value: what is declared, what is live, and the epoch that counts its changes. */
import { deploymentId, serviceName, split } from '@switchyard/contracts/registry';
import type { Declarations, LiveChange } from '@switchyard/contracts/registry';
import { routePolicy } from '@switchyard/contracts/route';
import { z } from 'zod';

const liveEntry = z.strictObject({ live: deploymentId.nullable(), standby: deploymentId.nullable(), split });
export type LiveEntry = z.infer<typeof liveEntry>;

export const liveState = z.strictObject({
  /** Counts the saves: of two copies the higher one is newer. */
  sequence: z.int().min(0),
  epoch: z.int().min(0),
  /** No revision above it was given out. */
  revisionCeiling: z.int().min(0),
  declared: z.record(serviceName, z.strictObject({ routes: z.array(routePolicy) })),
  live: z.record(serviceName, liveEntry),
});
export type LiveState = z.infer<typeof liveState>;

/** Revisions are reserved in blocks of this many, so that not each one has to be saved. */
export const REVISION_BLOCK = 1_000_000;

export const emptyState: LiveState = { sequence: 0, epoch: 0, revisionCeiling: 0, declared: {}, live: {} };

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
