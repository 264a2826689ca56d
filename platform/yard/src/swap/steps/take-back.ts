/** reverting -> reverted: the deployment before is live again, by one compare-and-set, and the new one is stopped. */
import { SwapFault } from '../swap-fault.ts';
import type { Leg, Step, Swap } from '../swap.ts';
import { untilAcknowledged } from './await-acknowledgements.ts';
import { untilDrained } from './drain.ts';
import { REGISTER_MS } from './check-health.ts';
import { setLive } from './set-live.ts';

export const takeBack: Step = async (swap) => {
  const beganMs = swap.around.now();
  await Promise.all(swap.legs.map((leg) => untilHot(swap, leg)));
  const epoch = await setLive(swap, ({ from }) => ({ live: from, standby: null, split: null }));
  swap.note({ revertMs: Math.round(swap.around.now() - beganMs) });
  swap.tell(`${swap.legs.map(({ from }) => from).join(', ')} live again`);
  for (const { service, from } of swap.legs) swap.around.services.get(service)!.exchange(from!);
  await Promise.all(swap.legs.map((leg) => remember(swap, leg)));
  await untilLeft(swap, epoch);
  await Promise.all(swap.legs.map(({ service, to }) => swap.around.services.get(service)!.retire(to)));
  return 'done';
};

/** It is decided by now: whatever the registry's list of watchers is like, nothing leads forward again. */
async function untilLeft(swap: Swap, epoch: number): Promise<void> {
  try {
    await untilAcknowledged(swap, epoch, swap.left);
    const after = swap.legs.map(({ to }) => to);
    swap.note({ cut: await untilDrained(swap, after, swap.left) });
  } catch (error) {
    swap.left.throwIfAborted();
    swap.tell(`nobody knows what still runs on it: ${(error as Error).message}`);
  }
}

/** It stands by; should it have died in the very moment, its keeper has started it again. */
async function untilHot(swap: Swap, { service, from, to }: Leg): Promise<void> {
  const part = from === null ? null : (swap.around.services.get(service)?.find(from) ?? null);
  if (part === null)
    throw new SwapFault(`${to} cannot be taken back: ${from ?? 'what was before it'} does not run any more`);
  const { startTimeoutMs } = part.release!.entry;
  const deadline = AbortSignal.timeout(startTimeoutMs + REGISTER_MS);
  await swap.changes
    .until(() => part.state === 'ready', AbortSignal.any([swap.left, deadline]))
    .catch((error: Error) => {
      if (!deadline.aborted) throw error;
      throw new SwapFault(`${to} cannot be taken back: ${from} is not well either (${part.fault ?? part.detail})`);
    });
}

/** What was taken back is not gone back to by a later rollback. */
async function remember(swap: Swap, { service, from, to }: Leg): Promise<void> {
  const { state, services } = swap.around;
  try {
    await state.setLive(service, from!, { standby: null, side: services.get(service)!.main.release?.side ?? null });
    await state.change(service, { history: state.of(service).history.filter((deployment) => deployment !== to) });
  } catch (error) {
    swap.tell(`could not be remembered: ${(error as Error).message}`);
  }
}
