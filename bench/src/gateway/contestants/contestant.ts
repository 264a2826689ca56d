/** A proxy that is measured: how it is started in front of the upstream, and what is measured of it. */
import type { Upstream } from '../upstream.ts';

export interface Surroundings {
  readonly upstream: Upstream;
  /** Temporary; each contestant makes a folder of its own in it. */
  readonly folder: string;
  /** Cores of the proxy, and of everything else. */
  readonly proxyCores: string;
  readonly otherCores: string;
  readonly allCores: string;
}

/** Thrown by `open` when there is nothing to measure: the table leaves it out and says so. */
export class Absent extends Error {}

/** What a contestant is to the ratios of the table. */
export type Family = 'switchyard' | 'native' | 'node';

export interface Contestant {
  readonly name: string;
  readonly says: string;
  readonly family: Family;
  open(surroundings: Surroundings): Promise<OpenContestant>;
}

export interface OpenContestant {
  readonly origin: string;
  /** Process whose whole tree is the proxy. */
  readonly pid: number;
  /** Good for some minutes. */
  token(): Promise<string>;
  close(): Promise<void>;
}

/** As long as one of Switchyard's; to a peer it is but a header. */
export const STRANGE_TOKEN = ['eyJ'.padEnd(60, 'h'), 'eyJ'.padEnd(330, 'p'), 's'.repeat(86)].join('.');
