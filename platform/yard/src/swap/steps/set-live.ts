/** Changes what is live for every service of a swap at once: one compare-and-set, repeated until the registry says how it ended. */
import { setTimeout as pause } from 'node:timers/promises';
import type { LiveDecisions } from '@switchyard/contracts/registry';
import { RegistryError } from '@switchyard/kit/registry/client';
import { SwapFault } from '../swap-fault.ts';
import type { Leg, Swap } from '../swap.ts';
import { patiently } from './patience.ts';

export type LiveEntry = LiveDecisions['services'][string];

/**
 * A registry that has come back may not have every instance yet: whoever registers one does so again with its next heartbeat
 * (keeping/registrar.ts, kit's registration).
 */
const INSTANCES_BACK_MS = 10_000;
const ASK_AGAIN_MS = 100;

/**
 * Answers the epoch. Throws a SwapFault when somebody else has decided otherwise meanwhile; rejects when the supervisor leaves.
 * `isStillWanted` throws when it is not to be done any more; it is asked as long as nothing is on its way to the registry.
 */
export async function setLive(
  swap: Swap,
  wanted: (leg: Leg) => LiveEntry,
  isStillWanted: () => void = () => undefined,
): Promise<number> {
  const { around } = swap;
  const changes = Object.fromEntries(swap.legs.map((leg) => [leg.service, wanted(leg)]));
  let mayBeOnItsWay = false;
  let emptySinceMs: number | null = null;
  return patiently(swap, swap.left, async () => {
    for (;;) {
      await haveLocks(swap);
      const decisions = await around.registry.readLive({ signal: swap.left });
      // An answer that was lost on its way has been a decision all the same.
      if (swap.legs.every(({ service }) => isSame(decisions.services[service], changes[service]!)))
        return decisions.epoch;
      refuseForeign(swap, decisions);
      if (!mayBeOnItsWay) isStillWanted();
      mayBeOnItsWay = true;
      const change = { changes, expect: decisions.epoch, locks: swap.locks.tokens };
      const answer = await around.registry.setLive(change, { signal: swap.left }).catch((error: Error) => {
        mayBeOnItsWay = !(error instanceof RegistryError) || error.status === 0;
        if (!isEmptyYet(error)) throw error;
        emptySinceMs ??= around.now();
        if (around.now() - emptySinceMs > INSTANCES_BACK_MS) throw error;
        return null;
      });
      if (answer === null) {
        await pause(ASK_AGAIN_MS, undefined, { signal: swap.left });
        continue;
      }
      mayBeOnItsWay = false;
      if (answer.set) return answer.epoch;
      if (answer.because !== 'epoch-moved') swap.locks.forget();
    }
  });
}

const isEmptyYet = (error: Error): boolean =>
  error instanceof RegistryError && error.problem?.code === 'REGISTRY_DEPLOYMENT_EMPTY';

async function haveLocks(swap: Swap): Promise<void> {
  if (swap.locks.areHeld) return;
  const lockedOut = await swap.locks.take(swap.left);
  if (lockedOut !== null) throw new SwapFault(`${lockedOut.heldBy} has taken the lock of ${lockedOut.service}`);
}

function refuseForeign(swap: Swap, decisions: LiveDecisions): void {
  for (const { service, from, to } of swap.legs) {
    const live = decisions.services[service]?.live ?? null;
    if (live !== from && live !== to)
      throw new SwapFault(`somebody else has made ${live ?? 'nothing'} live in ${service}`);
  }
}

function isSame(decided: LiveEntry | undefined, wanted: LiveEntry): boolean {
  return (
    decided !== undefined &&
    decided.live === wanted.live &&
    decided.standby === wanted.standby &&
    sharesOf(decided.split) === sharesOf(wanted.split)
  );
}

const sharesOf = (split: LiveEntry['split']): string =>
  Object.entries(split ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([deployment, percent]) => `${deployment}:${percent}`)
    .join();
