/** acknowledged -> drained: nobody has a request on the deployment before any more. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Step, Swap } from '../swap.ts';
import { bakeMsOf, isWatched, judgeLegs } from './bake.ts';
import { inFlightOn } from '../in-flight.ts';
import { readWatchers } from './await-acknowledgements.ts';

const POLL_MS = 15;

export const drain: Step = async (swap) => {
  const before = swap.legs.flatMap(({ from }) => from ?? []);
  // One slow request on the deployment before must not shield a new one that fails all the others.
  const look = async () => (isWatched(swap) ? judgeLegs(swap, swap.baselines) : undefined);
  const cut = await swap.whileWell((signal) => untilDrained(swap, before, signal, look));
  const bakesUntil = new Date(swap.around.date().getTime() + bakeMsOf(swap)).toISOString();
  swap.note({ cut, bakesUntil });
  if (cut > 0)
    swap.tell(`${cut} requests still run on ${before.join(', ')}; they have until the end of the bake`, {
      inFlight: cut,
    });
  return 'done';
};

/** Answers how many requests still run when the drain time is over: 0 mostly. `look` may end it by its rejection. */
export async function untilDrained(
  swap: Swap,
  deployments: readonly string[],
  signal: AbortSignal,
  look: () => Promise<void> = () => Promise.resolve(),
): Promise<number> {
  const timeoutMs = Math.max(...swap.services.map((service) => swap.plan(service).declaration.drainTimeoutMs));
  const deadlineMs = swap.around.now() + timeoutMs;
  let told = 0;
  for (;;) {
    const inFlight = inFlightOn(deployments, await readWatchers(swap, signal));
    await look();
    if (inFlight === 0 || swap.around.now() >= deadlineMs) return inFlight;
    if (inFlight !== told) swap.tell(`${inFlight} in flight on ${deployments.join(', ')}`, { inFlight });
    told = inFlight;
    await pause(POLL_MS, undefined, { signal });
  }
}
