/** aborting -> aborted: as if it had not been begun; what is live has never changed. */
import type { LiveDecisions } from '@switchyard/contracts/registry';
import type { Leg, Step, Swap } from '../swap.ts';
import { untilAcknowledged } from './await-acknowledgements.ts';
import { untilDrained } from './drain.ts';
import { patiently } from './patience.ts';
import { setLive } from './set-live.ts';

/** A deployment that has no requests has nothing to finish. */
const IDLE_GRACE_MS = 2_000;

export const undo: Step = async (swap) => {
  const isShown = swap.record.timeline.some(({ stage }) => stage === 'warm');
  if (isShown) await takeShares(swap);
  const decisions = isShown ? await decisionsOf(swap) : null;
  // Whatever went wrong: what is live, or has a share by somebody else's word, is not stopped.
  const isUsed = (leg: Leg) => decisions?.services[leg.service]?.live === leg.to || hasShare(decisions, leg);
  await Promise.all(swap.legs.filter((leg) => !isUsed(leg)).map((leg) => stopSoon(swap, leg)));
  for (const leg of swap.legs) if (leg.from === null) tryAgain(swap, leg);
  return 'done';
};

const decisionsOf = (swap: Swap): Promise<LiveDecisions> =>
  patiently(swap, swap.left, () => swap.around.registry.readLive({ signal: swap.left }));

const hasShare = (decisions: LiveDecisions | null, { service, to }: Leg): boolean =>
  decisions?.services[service]?.split?.[to] !== undefined;

/** That of a preview or a canary. Somebody who has decided otherwise meanwhile is told of, and left his way. */
async function takeShares(swap: Swap): Promise<void> {
  const decisions = await decisionsOf(swap);
  if (!swap.legs.some((leg) => hasShare(decisions, leg))) return;
  try {
    const epoch = await setLive(swap, ({ from }) => ({ live: from, standby: null, split: null }));
    await untilAcknowledged(swap, epoch, swap.left);
    const after = swap.legs.map(({ to }) => to);
    swap.note({ cut: await untilDrained(swap, after, swap.left) });
  } catch (error) {
    swap.left.throwIfAborted();
    swap.tell((error as Error).message);
  }
}

async function stopSoon(swap: Swap, { service, to }: Leg): Promise<void> {
  const keeper = swap.around.services.get(service);
  if (keeper === undefined || !keeper.beside.has(to)) return;
  const hastening = setTimeout(() => void keeper.retire(to, true), IDLE_GRACE_MS);
  await keeper.retire(to);
  clearTimeout(hastening);
}

/** Nothing was live, and what tried to be was stopped for the swap: it goes on trying. */
function tryAgain({ around }: Swap, { service }: Leg): void {
  const keeper = around.services.get(service);
  if (keeper?.state !== 'stopped') return;
  void keeper.restart().catch((error: Error) => around.warn(`${service}: ${error.message}`));
}
