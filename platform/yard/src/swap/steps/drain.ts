/** acknowledged -> drained: nobody has a request on the deployment before any more. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Step, Swap } from '../swap.ts';
import { bakeMsOf } from './bake.ts';
import { isLeased, readWatchers } from './await-acknowledgements.ts';

const POLL_MS = 15;

export const drain: Step = async (swap) => {
  const before = swap.legs.flatMap(({ from }) => from ?? []);
  const cut = await swap.whileWell((signal) => untilDrained(swap, before, signal));
  const bakesUntil = new Date(swap.around.date().getTime() + bakeMsOf(swap)).toISOString();
  swap.note({ cut, bakesUntil });
  if (cut > 0)
    swap.tell(`${cut} requests still run on ${before.join(', ')}; they have until the end of the bake`, {
      inFlight: cut,
    });
  return 'done';
};

/** Answers how many requests still run when the drain time is over: 0 mostly. */
export async function untilDrained(swap: Swap, deployments: readonly string[], signal: AbortSignal): Promise<number> {
  const timeoutMs = Math.max(...swap.services.map((service) => swap.plan(service).declaration.drainTimeoutMs));
  const deadlineMs = swap.around.now() + timeoutMs;
  let told = 0;
  for (;;) {
    const watchers = (await readWatchers(swap, signal)).filter(isLeased);
    const inFlight = watchers
      .flatMap((watcher) => deployments.map((deployment) => watcher.inFlight[deployment] ?? 0))
      .reduce((sum, count) => sum + count, 0);
    if (inFlight === 0 || swap.around.now() >= deadlineMs) return inFlight;
    if (inFlight !== told) swap.tell(`${inFlight} in flight on ${deployments.join(', ')}`, { inFlight });
    told = inFlight;
    await pause(POLL_MS, undefined, { signal });
  }
}
