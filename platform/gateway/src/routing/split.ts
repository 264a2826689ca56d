/** How the requests of a service are divided while a canary or a preview runs: a hundred buckets, and who gets which. */
import type { Deployment } from './deployment.ts';

/** Buckets are 0 to 99. */
export const BUCKETS = 100;
/** In place of a bucket: the live deployment, whatever the shares are. */
export const LIVE_BUCKET = -1;
/** In place of a bucket: the deployment that is being tried, as the operator asked for with the token. */
export const PREVIEW_BUCKET = -2;

export class Split {
  /** Without the live one, which gets what is left. */
  private readonly tried: readonly { readonly deployment: Deployment; readonly belowPlace: number }[];
  private readonly preview: Deployment | null;
  /** Turns the buckets, so that it is not always the same clients who try what is new. */
  private readonly turn: number;

  /**
   * @param shares percent by deployment; those that are not in `deployments` are as good as absent
   * @param live its own share is what the others leave
   */
  constructor(
    shares: Readonly<Record<string, number>>,
    live: Deployment | null,
    deployments: ReadonlyMap<string, Deployment>,
  ) {
    const ids = Object.keys(shares).sort();
    const tried = [];
    let belowPlace = 0;
    let preview: Deployment | null = null;
    for (const id of ids) {
      const deployment = deployments.get(id);
      if (deployment === undefined || deployment === live) continue;
      belowPlace += shares[id]!;
      tried.push({ deployment, belowPlace });
      if (preview === null || shares[id]! < shares[preview.id]!) preview = deployment;
    }
    this.tried = tried;
    this.preview = preview;
    this.turn = hash(ids.join(' ')) % BUCKETS;
  }

  /** null: the live one. A bucket keeps its deployment while that one's share only grows. */
  choose(bucket: number): Deployment | null {
    if (bucket === PREVIEW_BUCKET) return this.preview;
    if (bucket === LIVE_BUCKET) return null;
    const place = (bucket + this.turn) % BUCKETS;
    for (const { deployment, belowPlace } of this.tried)
      if (place < belowPlace) return deployment.up.length > 0 ? deployment : null;
    return null;
  }
}

/** The bucket of whoever is known by a name that stays the same, such as a session's id. */
export const bucketOfName = (name: string): number => hash(name) % BUCKETS;

/** FNV-1a, 32 bits, mixed once more at the end so that its last digits are as good as its first. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  return (value ^ (value >>> 13)) >>> 0;
}
