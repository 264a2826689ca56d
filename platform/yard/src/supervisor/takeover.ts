/** Decides what becomes of instances that outlived an earlier supervisor: which go on, as part of what, and which are strays; pure. */
import { deploymentNumber } from '../releases/release.ts';
import type { InstanceRecord } from '../runtime/runtime.ts';

/** What is known of a part before anything is started. */
export interface TakeoverPart {
  readonly name: string;
  readonly live: string | null;
  /** Deployments that an unfinished swap goes on with, or undoes by itself: they are left as they are. */
  readonly swapping: readonly string[];
  /** Fingerprint of the entry that its instances must have been started with; null: any. */
  readonly entry: string | null;
}

/** A release as far as it matters here. */
export interface TakeoverRelease {
  readonly deployment: string;
  readonly entry: { readonly instances: number };
}

export interface AdoptedDeployment<R> {
  readonly release: R;
  readonly records: readonly InstanceRecord[];
}

export interface Takeover<R extends TakeoverRelease> {
  /** By part: `main`, what is live, and what runs beside it for a swap. */
  readonly adopted: ReadonlyMap<
    string,
    { readonly main: AdoptedDeployment<R> | null; readonly beside: readonly AdoptedDeployment<R>[] }
  >;
  /** To be stopped: of services that are no longer declared, of old deployments, builds, and what has no release to go on from. */
  readonly strays: readonly InstanceRecord[];
}

export function decideTakeover<R extends TakeoverRelease>(
  survivors: readonly InstanceRecord[],
  parts: readonly TakeoverPart[],
  releases: ReadonlyMap<string, R>,
): Takeover<R> {
  const adopted = new Map<string, { main: AdoptedDeployment<R> | null; beside: AdoptedDeployment<R>[] }>();
  for (const part of parts) {
    const own = survivors.filter(
      ({ service, labels }) =>
        service === part.name &&
        labels['role'] === 'instance' &&
        (part.entry === null || labels['entry'] === part.entry),
    );
    const found = [...new Set(own.map((record) => record.deployment))].filter((name) => releases.has(name));
    const adopt = (deployment: string): AdoptedDeployment<R> => {
      const release = releases.get(deployment)!;
      return { release, records: onePerPlace(own, release) };
    };
    const main = mainOf(part, found, releases);
    const beside = part.swapping.filter((name) => name !== main && found.includes(name)).map(adopt);
    if (main !== null || beside.length > 0)
      adopted.set(part.name, { main: main === null ? null : adopt(main), beside });
  }
  const deployments = [...adopted.values()].flatMap(({ main, beside }) => (main === null ? beside : [main, ...beside]));
  const goingOn = new Set(deployments.flatMap(({ records }) => records.map(({ id }) => id)));
  return { adopted, strays: survivors.filter(({ id }) => !goingOn.has(id)) };
}

/**
 * What is live goes on, during a swap also if nothing of it runs any more. Otherwise, without it, the newest does: it was about to
 * become live.
 */
function mainOf<R>(
  { name, live, swapping }: TakeoverPart,
  found: readonly string[],
  releases: ReadonlyMap<string, R>,
): string | null {
  if (live !== null && found.includes(live)) return live;
  if (swapping.length > 0) return live !== null && releases.has(live) ? live : null;
  return [...found].sort((a, b) => numberOf(name, b) - numberOf(name, a))[0] ?? null;
}

function onePerPlace(own: readonly InstanceRecord[], release: TakeoverRelease): InstanceRecord[] {
  const places = new Map<number, InstanceRecord>();
  for (const record of own.filter(({ deployment }) => deployment === release.deployment)) {
    const place = Number(record.labels['place']);
    if (place >= 1 && place <= release.entry.instances && !places.has(place)) places.set(place, record);
  }
  return [...places.values()];
}

const numberOf = (service: string, deployment: string): number => deploymentNumber(service, deployment) ?? 0;
