/** built -> spawned: the new deployments run, on the side that is idle, beside what is live. */
import { setTimeout as pause } from 'node:timers/promises';
import { SwapFault } from '../swap.ts';
import type { Leg, Step, Swap } from '../swap.ts';
import { sideOf } from '../../keeping/part-keeper.ts';
import type { Release } from '../../releases/release.ts';

const LOOK_EVERY_MS = 20;

export const spawn: Step = async (swap) => {
  for (const leg of swap.legs) await start(swap, leg);
  // A process that has started is no change of its part, which is told of once it is well: waiting for that would be the next step.
  await swap.whileWell(async (signal) => {
    while (!swap.legs.every((leg) => hasStarted(swap, leg))) await pause(LOOK_EVERY_MS, undefined, { signal });
  });
  swap.tell(swap.legs.map((leg) => whereOf(swap, leg)).join(', '));
  return 'done';
};

async function start(swap: Swap, { service, to }: Leg): Promise<void> {
  const { services, releases } = swap.around;
  const release = await releases.find(to);
  if (release === null) throw new SwapFault(`the release of ${to} has gone`);
  if (release.entry.migrate !== undefined && swap.record.kind === 'swap') {
    swap.tell(`migrating: ${release.entry.migrate}`);
    await swap.around.runHook(release, 'migrate', swap.withdrawn);
  }
  const keeper = services.get(service)!;
  keeper.startBeside({ ...release, side: idleSide(keeper.main.release) });
}

/** The side that is not the live deployment's. */
const idleSide = (live: Release | null): Release['side'] => (live?.side === 'blue' ? 'green' : 'blue');

const hasStarted = (swap: Swap, leg: Leg): boolean =>
  swap.candidate(leg).instances().length === swap.candidate(leg).release!.entry.instances;

const whereOf = (swap: Swap, leg: Leg): string =>
  swap
    .candidate(leg)
    .instances()
    .map(({ record }) => `${record.id} on port ${record.ports['http']} (${sideOf(record)})`)
    .join(', ');
