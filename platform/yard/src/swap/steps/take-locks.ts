/** asked -> locked: nobody else swaps these services meanwhile. */
import { SwapFault } from '../swap-fault.ts';
import type { Step } from '../swap.ts';
import { patiently } from './patience.ts';

/** A registry that is away for longer than this ends the swap before it has begun. */
const REGISTRY_TIMEOUT_MS = 15_000;

export const takeLocks: Step = async (swap) => {
  const signal = AbortSignal.any([swap.withdrawn, AbortSignal.timeout(REGISTRY_TIMEOUT_MS)]);
  let lockedOut;
  try {
    lockedOut = await patiently(swap, signal, () => swap.locks.take(signal));
  } catch (error) {
    swap.withdrawn.throwIfAborted();
    throw signal.aborted ? new SwapFault(`the registry did not answer within ${REGISTRY_TIMEOUT_MS / 1_000} s`) : error;
  }
  if (lockedOut === null) return 'done';
  swap.note({ isLockedOut: true });
  const { service, heldBy, expiresInMs } = lockedOut;
  throw new SwapFault(
    `${heldBy} holds the lock of ${service}; it lapses in ${Math.ceil(expiresInMs / 1_000)} s if its holder is gone`,
  );
};
