/** warm -> preview, canary or committed; preview -> canary or committed. */
import type { SwapSignal } from '../swap-stage.ts';
import type { Step, Swap } from '../swap.ts';
import { setLive } from './set-live.ts';

export const commitOrShow: Step = async (swap) => {
  if (!swap.record.request.isPreview) return commitOrSplit(swap);
  // The share 0: whoever asks for it gets it, nobody else does.
  const isBeside = swap.legs.every(({ from }) => from !== null);
  if (!isBeside) return commit(swap);
  await setLive(swap, ({ from, to }) => ({ live: from, standby: null, split: { [from!]: 100, [to]: 0 } }));
  return 'previewed';
};

/** Begins with a canary if one is asked for, and there is anything to compare it with. */
export async function commitOrSplit(swap: Swap): Promise<SwapSignal> {
  const { canaryPercent } = swap.record.request;
  if (canaryPercent === null || swap.legs.some(({ from }) => from === null)) return commit(swap);
  await split(swap, canaryPercent);
  return 'split';
}

export async function split(swap: Swap, percent: number): Promise<void> {
  await setLive(swap, ({ from, to }) => ({
    live: from,
    standby: null,
    split: { [from!]: 100 - percent, [to]: percent },
  }));
  swap.note({ canaryPercent: percent });
}

/** The one moment that counts. It is not given up half way: what the registry has been asked is waited for. */
export async function commit(swap: Swap): Promise<SwapSignal> {
  const { isWithoutRollback } = swap.record.request;
  const epoch = await setLive(
    swap,
    ({ from, to }) => ({ live: to, standby: isWithoutRollback ? null : from, split: null }),
    // While a registry was away, the new deployment may have died; started again, it is not the process that was tested.
    () => swap.throwIfUnwell(),
  );
  swap.committed(epoch);
  return 'done';
}
