/** Looks at what outlived an earlier supervisor: which instances there are, from which releases, and what is live. */
import { sideOf } from '../keeping/part-keeper.ts';
import type { PartKeeper } from '../keeping/part-keeper.ts';
import { entryFingerprint } from '../releases/release.ts';
import type { Release } from '../releases/release.ts';
import type { SwapRecord } from '../swap/swap-record.ts';
import { isCommitted } from '../swap/swap-stage.ts';
import type { Supervisor } from './supervisor.ts';
import { decideTakeover } from './takeover.ts';
import type { Takeover, TakeoverPart } from './takeover.ts';

const NEVER = new AbortController().signal;

/** `unfinished`: swaps that are gone on with, whose deployments stay. */
export async function lookAtSurvivors(
  supervisor: Supervisor,
  unfinished: readonly SwapRecord[],
): Promise<Takeover<Release>> {
  const { open, registrar, registry, gateway, services } = supervisor;
  const { runtime, releases, state } = open;
  const survivors = await runtime.list();
  // A registry that goes on knows better than our file what is live: the supervisor may have died between the two.
  const isDecided = survivors.some(({ service }) => service === 'registry');
  const decisions = isDecided ? await registrar.decisions(NEVER) : null;
  const ofPlatform = ({ name, source }: PartKeeper): TakeoverPart => ({
    name,
    live: state.of(name).live,
    swapping: [],
    entry: entryFingerprint(source.entry),
  });
  const ofService = (name: string): TakeoverPart => ({
    name,
    live: decisions?.services[name]?.live ?? decidedIn(unfinished, name) ?? state.of(name).live,
    swapping: unfinished.flatMap((swap) => [swap.services[name]?.from ?? [], swap.services[name]?.to ?? []].flat()),
    entry: null,
  });
  const parts = [ofPlatform(registry), ofPlatform(gateway), ...[...services.keys()].map(ofService)];
  const found = new Map<string, Release>();
  /** A deployment may run on another side than it was made for. */
  const add = async (deployment: string, side: Release['side'] | null) => {
    const release = await releases.find(deployment);
    if (release !== null) found.set(deployment, { ...release, side: side ?? release.side });
  };
  for (const { name, live, swapping } of parts)
    for (const deployment of new Set([live ?? [], swapping].flat())) await add(deployment, state.of(name).side);
  for (const record of survivors) await add(record.deployment, sideOf(record));
  return decideTakeover(survivors, parts, found);
}

/**
 * What a swap had decided, as far as its journal tells: where nothing runs any more, it is what is to be started. What was being taken back
 * is taken back.
 */
export function decidedIn(unfinished: readonly SwapRecord[], name: string): string | null {
  const swap = unfinished.find(({ services }) => Object.hasOwn(services, name));
  if (swap === undefined) return null;
  const { from, to } = swap.services[name]!;
  if (isCommitted(swap.stage)) return to;
  return swap.stage === 'reverting' ? from : null;
}
