/** aborting -> aborted: as if it had not been begun; what is live has never changed. */
import type { Leg, Step, Swap } from '../swap.ts';
import { untilAcknowledged } from './await-acknowledgements.ts';
import { untilDrained } from './drain.ts';
import { patiently } from './patience.ts';
import { setLive } from './set-live.ts';

/** A deployment that has no requests has nothing to finish. */
const IDLE_GRACE_MS = 2_000;

export const undo: Step = async (swap) => {
  if (await hasShares(swap)) {
    const epoch = await setLive(swap, ({ from }) => ({ live: from, standby: null, split: null }));
    await untilAcknowledged(swap, epoch, swap.left);
    const cut = await untilDrained(
      swap,
      swap.legs.map(({ to }) => to),
      swap.left,
    );
    swap.note({ cut });
  }
  await Promise.all(swap.legs.map((leg) => stopSoon(swap, leg)));
  return 'done';
};

/** Whether the new deployments are a preview or a canary; the registry is asked only if that can be. */
async function hasShares(swap: Swap): Promise<boolean> {
  if (!swap.record.timeline.some(({ stage }) => stage === 'warm')) return false;
  const decisions = await patiently(swap, swap.left, () => swap.around.registry.readLive({ signal: swap.left }));
  return swap.legs.some(({ service, to }) => decisions.services[service]?.split?.[to] !== undefined);
}

async function stopSoon(swap: Swap, { service, to }: Leg): Promise<void> {
  const keeper = swap.around.services.get(service);
  if (keeper === undefined || !keeper.beside.has(to)) return;
  const hastening = setTimeout(() => void keeper.retire(to, true), IDLE_GRACE_MS);
  await keeper.retire(to);
  clearTimeout(hastening);
}
