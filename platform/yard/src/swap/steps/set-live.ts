/** Changes what is live for every service of a swap at once: one compare-and-set, repeated until the registry says how it ended. */
import type { LiveDecisions } from '@switchyard/contracts/registry';
import { SwapFault } from '../swap.ts';
import type { Leg, Swap } from '../swap.ts';
import { patiently } from './patience.ts';

export type LiveEntry = LiveDecisions['services'][string];

/** Answers the epoch. Throws a SwapFault when somebody else has decided otherwise meanwhile; rejects when the supervisor leaves. */
export async function setLive(swap: Swap, wanted: (leg: Leg) => LiveEntry): Promise<number> {
  const { registry } = swap.around;
  const changes = Object.fromEntries(swap.legs.map((leg) => [leg.service, wanted(leg)]));
  return patiently(swap, swap.left, async () => {
    for (;;) {
      await haveLocks(swap);
      const decisions = await registry.readLive({ signal: swap.left });
      // An answer that was lost on its way has been a decision all the same.
      if (swap.legs.every(({ service }) => isSame(decisions.services[service], changes[service]!)))
        return decisions.epoch;
      refuseForeign(swap, decisions);
      const answer = await registry.setLive(
        { changes, expect: decisions.epoch, locks: swap.locks.tokens },
        { signal: swap.left },
      );
      if (answer.set) return answer.epoch;
      if (answer.because !== 'epoch-moved') swap.locks.forget();
    }
  });
}

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
