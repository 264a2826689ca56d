/** baked -> retired: the deployment before is told to stop, the last; then the new one may remove what only that one needed. */
import { untilDrained } from './drain.ts';
import { patiently } from './patience.ts';
import { setLive } from './set-live.ts';
import type { Leg, Step, Swap } from '../swap.ts';

export const retire: Step = async (swap) => {
  const replaced = await letGo(swap);
  const before = replaced.flatMap(({ from }) => from ?? []);
  swap.note({ cut: await untilDrained(swap, before, swap.left) });
  await Promise.all(replaced.map((leg) => stopBefore(swap, leg)));
  for (const leg of replaced) await contract(swap, leg);
  return 'done';
};

/** Nothing stands by any more. Answers the legs in which that is so: somebody who has taken the lock may have decided otherwise. */
async function letGo(swap: Swap): Promise<readonly Leg[]> {
  try {
    await setLive(swap, ({ to }) => ({ live: to, standby: null, split: null }));
    return swap.legs;
  } catch (error) {
    swap.left.throwIfAborted();
    swap.note({ reason: (error as Error).message });
    const decisions = await patiently(swap, swap.left, () => swap.around.registry.readLive({ signal: swap.left }));
    return swap.legs.filter(({ service, from }) => decisions.services[service]?.live !== from);
  }
}

async function stopBefore(swap: Swap, { service, to }: Leg): Promise<void> {
  const { services, state } = swap.around;
  const keeper = services.get(service)!;
  // Beside what was live there may be what never became so: a first start that went on failing.
  const others = [...keeper.beside.keys()].filter((deployment) => deployment !== to);
  await Promise.all(others.map((deployment) => keeper.retire(deployment)));
  await state.change(service, { standby: null });
}

async function contract(swap: Swap, { service, to }: Leg): Promise<void> {
  const release = swap.around.services.get(service)!.main.release;
  const command = release?.entry.contract;
  if (command === undefined || swap.record.kind !== 'swap') return;
  swap.tell(`contracting: ${command}`);
  try {
    await swap.around.runHook(release!, 'contract', swap.left);
  } catch (error) {
    swap.left.throwIfAborted();
    const { message, lines = [] } = error as Error & { readonly lines?: readonly string[] };
    swap.note({ reason: `${to} is live, but its contract hook failed: ${message}`, lines: [...lines] });
  }
}
