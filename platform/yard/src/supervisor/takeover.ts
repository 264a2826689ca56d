/** Decides what becomes of instances that outlived an earlier supervisor: which go on, as part of what, and which are strays; pure. */
import { deploymentNumber } from '../releases/release.ts';
import type { InstanceRecord } from '../runtime/runtime.ts';

/** What is known of a part before anything is started. */
export interface TakeoverPart {
  readonly name: string;
  readonly live: string | null;
  /** Fingerprint of the entry that its instances must have been started with; null: any. */
  readonly entry: string | null;
}

/** A release as far as it matters here. */
export interface TakeoverRelease {
  readonly deployment: string;
  readonly entry: { readonly instances: number };
}

export interface Takeover<R extends TakeoverRelease> {
  readonly adopted: ReadonlyMap<string, { readonly release: R; readonly records: readonly InstanceRecord[] }>;
  /** To be stopped: of services that are no longer declared, of old deployments, builds, and what has no release to go on from. */
  readonly strays: readonly InstanceRecord[];
}

export function decideTakeover<R extends TakeoverRelease>(
  survivors: readonly InstanceRecord[],
  parts: readonly TakeoverPart[],
  releases: ReadonlyMap<string, R>,
): Takeover<R> {
  const adopted = new Map<string, { release: R; records: InstanceRecord[] }>();
  for (const part of parts) {
    const own = survivors.filter(
      ({ service, labels }) =>
        service === part.name &&
        labels['role'] === 'instance' &&
        (part.entry === null || labels['entry'] === part.entry),
    );
    const deployments = [...new Set(own.map((record) => record.deployment))].filter((name) => releases.has(name));
    // What is live goes on. Without it the newest does: it was about to become live.
    const chosen =
      part.live !== null && deployments.includes(part.live)
        ? part.live
        : deployments.sort((a, b) => numberOf(part.name, b) - numberOf(part.name, a))[0];
    if (chosen === undefined) continue;
    const release = releases.get(chosen)!;
    const places = new Map<number, InstanceRecord>();
    for (const record of own.filter(({ deployment }) => deployment === chosen)) {
      const place = Number(record.labels['place']);
      if (place >= 1 && place <= release.entry.instances && !places.has(place)) places.set(place, record);
    }
    if (places.size > 0) adopted.set(part.name, { release, records: [...places.values()] });
  }
  const goingOn = new Set([...adopted.values()].flatMap(({ records }) => records.map(({ id }) => id)));
  return { adopted, strays: survivors.filter(({ id }) => !goingOn.has(id)) };
}

const numberOf = (service: string, deployment: string): number => deploymentNumber(service, deployment) ?? 0;
