/** committed -> acknowledged: everybody who routes does so by the new epoch, or has lost its lease. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Watchers } from '@switchyard/contracts/registry';
import type { Step, Swap } from '../swap.ts';
import { isLeased } from '../in-flight.ts';
import { patiently } from './patience.ts';

const POLL_MS = 10;
/** A registry that is away for longer is told when it is back. */
const DECLARE_TIMEOUT_MS = 10_000;

export const awaitAcknowledgements: Step = async (swap) => {
  for (const { service, to } of swap.legs) swap.around.services.get(service)!.exchange(to);
  const remembering = remember(swap);
  try {
    const watchers = await swap.whileWell((signal) => untilAcknowledged(swap, swap.record.epoch!, signal));
    swap.acknowledged();
    swap.tell(`by ${watchers} who route`, { watchers });
  } finally {
    // Also before it is taken back, which is remembered in the same place.
    await remembering;
  }
  return 'done';
};

/** Answers how many they are. */
export async function untilAcknowledged(swap: Swap, epoch: number, signal: AbortSignal): Promise<number> {
  let told = 0;
  for (;;) {
    const watchers = await readWatchers(swap, signal);
    const waitingFor = watchers.filter((watcher) => isLeased(watcher) && (watcher.epoch ?? -1) < epoch).length;
    if (waitingFor === 0) return watchers.filter(isLeased).length;
    if (waitingFor !== told) swap.tell(`waiting for ${waitingFor} of ${watchers.length} who route`, { waitingFor });
    told = waitingFor;
    await pause(POLL_MS, undefined, { signal });
  }
}

export async function readWatchers(swap: Swap, signal: AbortSignal): Promise<Watchers['watchers']> {
  const watchers = await patiently(swap, signal, () => swap.around.registry.readWatchers({ signal }));
  swap.traffic.take(watchers, swap.around.now());
  return watchers.filter(({ id }) => !swap.around.hasEnded(id));
}

/** In the yard's own state, and what the file says of routes now; the registry has decided already, so that a fault here is only told. */
async function remember(swap: Swap): Promise<void> {
  const { state, services } = swap.around;
  try {
    for (const { service, from, to } of swap.legs) {
      const standby = swap.record.request.isWithoutRollback ? null : from;
      await state.setLive(service, to, { standby, side: services.get(service)!.main.release?.side ?? null });
      // What was left by a rollback is not gone back to by the next one.
      if (swap.record.kind === 'rollback')
        await state.change(service, { history: state.of(service).history.filter((deployment) => deployment !== from) });
    }
    await swap.around.declare(AbortSignal.any([swap.left, AbortSignal.timeout(DECLARE_TIMEOUT_MS)]));
  } catch (error) {
    swap.left.throwIfAborted();
    swap.tell(`could not be remembered: ${(error as Error).message}`);
  }
}
