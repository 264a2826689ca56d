/** uncertain -> committed, or undone: only the registry knows whether the commit was made before the supervisor died. */
import type { Step } from '../swap.ts';
import { patiently } from './patience.ts';

export const askRegistry: Step = async (swap) => {
  const decisions = await patiently(swap, swap.left, () => swap.around.registry.readLive({ signal: swap.left }));
  const { legs } = swap;
  if (legs.length === 0 || legs.some(({ service, to }) => decisions.services[service]?.live !== to))
    return 'uncommitted';
  swap.note({ epoch: decisions.epoch });
  return 'done';
};
