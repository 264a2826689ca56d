/** uncertain -> committed, preview, canary, or undone: only the registry knows what was decided before the supervisor died. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Step, Swap } from '../swap.ts';
import { patiently } from './patience.ts';

const RETRY_MS = 500;

export const askRegistry: Step = async (swap) => {
  // First the locks, with new tokens: what the supervisor before sent and the registry has not read yet is refused from now on.
  await takeLocks(swap);
  const decisions = await patiently(swap, swap.left, () => swap.around.registry.readLive({ signal: swap.left }));
  const { legs } = swap;
  if (legs.length === 0) return 'uncommitted';
  if (legs.every(({ service, to }) => decisions.services[service]?.live === to)) {
    swap.note({ epoch: decisions.epoch });
    return 'done';
  }
  const shares = legs.map(({ service, to }) => decisions.services[service]?.split?.[to]);
  const [share] = shares;
  if (share === undefined || shares.some((other) => other !== share)) return 'uncommitted';
  swap.note({ canaryPercent: share === 0 ? null : share });
  return share === 0 ? 'previewed' : 'split';
};

async function takeLocks(swap: Swap): Promise<void> {
  for (;;) {
    const lockedOut = await patiently(swap, swap.left, () => swap.locks.take(swap.left));
    if (lockedOut === null) return;
    swap.tell(`${lockedOut.heldBy} holds the lock of ${lockedOut.service}; waiting until it lapses`);
    await pause(RETRY_MS, undefined, { signal: swap.left });
  }
}
