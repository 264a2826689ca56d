/** locked -> built: a new deployment of each service, from the working tree as it is now; for a rollback, the kept one. */
import type { Swap } from '../swap.ts';
import { SwapFault } from '../swap-fault.ts';
import type { Step } from '../swap.ts';
import { liveBefore } from '../../state/yard-state.ts';

export const build: Step = async (swap) => {
  const { state } = swap.around;
  const services: Record<string, { from: string | null; to: string | null }> = {};
  for (const service of swap.services) {
    const from = state.of(service).live;
    const to = swap.record.kind === 'rollback' ? await keptBefore(swap, service) : await makeNew(swap, service);
    services[service] = { from, to };
    swap.note({ services: { ...swap.record.services, ...services } });
  }
  return 'done';
};

async function makeNew(swap: Swap, service: string): Promise<string> {
  const { preparation } = swap.around;
  const release = await preparation.prepareNew(
    swap.plan(service).source,
    (detail) => swap.tell(swap.services.length === 1 ? detail : `${service}: ${detail}`),
    swap.withdrawn,
  );
  return release.deployment;
}

/** The deployment that was live before the one that is, as long as its release is kept. */
async function keptBefore(swap: Swap, service: string): Promise<string> {
  const { state, releases } = swap.around;
  const before = liveBefore(state.of(service));
  if (before === null) throw new SwapFault(`nothing was live in ${service} before ${state.of(service).live ?? 'now'}`);
  if ((await releases.find(before)) === null) throw new SwapFault(`the release of ${before} is not kept any more`);
  return before;
}
