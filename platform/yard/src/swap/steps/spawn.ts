/** built -> spawned: the new deployments run, on the side that is idle, beside what is live. */
import { setTimeout as pause } from 'node:timers/promises';
import { SwapFault } from '../swap-fault.ts';
import type { Leg, Step, Swap } from '../swap.ts';
import { sideOf } from '../../keeping/part-keeper.ts';
import type { Release } from '../../releases/release.ts';

const LOOK_EVERY_MS = 20;

export const spawn: Step = async (swap) => {
  for (const leg of swap.legs) await start(swap, leg);
  // A process that has started is no change of its part, which is told of once it is well: waiting for that would be the next step.
  await swap.whileWell((signal) => Promise.all(swap.legs.map((leg) => untilStarted(swap, leg, signal))));
  swap.tell(swap.legs.map((leg) => whereOf(swap, leg)).join(', '));
  return 'done';
};

async function start(swap: Swap, { service, from, to }: Leg): Promise<void> {
  const { services, releases } = swap.around;
  const release = await releases.find(to);
  if (release === null) throw new SwapFault(`the release of ${to} has gone`);
  const keeper = services.get(service)!;
  // What goes on trying to be the first that is live would take the new release too, and be in its way.
  if (from === null) await keeper.main.stop();
  if (release.entry.migrate !== undefined && swap.record.kind === 'swap') {
    swap.tell(`migrating: ${release.entry.migrate}`);
    await swap.around.runHook(release, 'migrate', swap.withdrawn);
  }
  keeper.startBeside({ ...release, side: idleSide(keeper.main.release) });
  // Looked at from now on: it may end while what is swapped with it migrates.
  swap.candidate({ service, from, to });
}

/** What it needs (its database, other services) may be away: they are waited for as long as it may take to start. */
async function untilStarted(swap: Swap, leg: Leg, signal: AbortSignal): Promise<void> {
  const part = swap.candidate(leg);
  const { instances, startTimeoutMs } = part.release!.entry;
  const deadlineMs = swap.around.now() + startTimeoutMs;
  while (part.instances().length < instances) {
    if (swap.around.now() > deadlineMs)
      throw new SwapFault(
        `${leg.to} could not be started within ${startTimeoutMs / 1_000} s: ${part.state} ${part.detail}`,
      );
    await pause(LOOK_EVERY_MS, undefined, { signal });
  }
}

/** The side that is not the live deployment's. */
const idleSide = (live: Release | null): Release['side'] => (live?.side === 'blue' ? 'green' : 'blue');

const whereOf = (swap: Swap, leg: Leg): string =>
  swap
    .candidate(leg)
    .instances()
    .map(({ record }) => `${record.id} on port ${record.ports['http']} (${sideOf(record)})`)
    .join(', ');
