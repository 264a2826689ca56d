/** One instance of a service as the gateway uses it: its connections, what is in flight there, how fast it answers. */
import { lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { ConnectionPool } from '../upstream/connection-pool.ts';
import { Ejection } from './ejection.ts';
import { Latency } from './latency.ts';
import type { OpenStreams } from '../upstream/open-streams.ts';
import { isAllowedAddress } from './upstream-address.ts';

/** Added to averages, so that differences of a few microseconds decide nothing. */
const LATENCY_MIN_MS = 0.1;

export interface InstanceAddress {
  readonly id: string;
  readonly host: string;
  readonly port: number;
}

export class Instance {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  /** UP in the table. */
  isUp = true;
  weight = 1;
  inFlight = 0;
  /** Of those, event streams and WebSockets: they are counted, but are no work that ends. */
  streams = 0;
  /** Of those, what waits for a slow client, and so is no work for the instance. */
  heldByClients = 0;
  isGone = false;
  readonly latency = new Latency();
  readonly ejection = new Ejection();
  private poolNow: ConnectionPool | null = null;

  constructor(address: InstanceAddress) {
    this.id = address.id;
    this.host = address.host;
    this.port = address.port;
  }

  /** Opened with the first request. */
  get pool(): ConnectionPool {
    const { host, port } = this;
    return (this.poolNow ??= new ConnectionPool({ host, port, lookup: allowedLookup }));
  }

  /**
   * Whether it has as much to do as it may. A thousand clients that send or take a byte now and then must not shut out everybody
   * else; they may be as many again as the others.
   */
  isFull(inFlightMax: number): boolean {
    return this.inFlight - this.streams - Math.min(this.heldByClients, inFlightMax) >= inFlightMax;
  }

  /** Whether a further request is better sent here than to `other`: by what is in flight, and by how long it takes where both are known. */
  isBetterThan(other: Instance, nowMs: number): boolean {
    const load = (this.inFlight + 1) * other.weight;
    const otherLoad = (other.inFlight + 1) * this.weight;
    // To a new one everybody would go at once, if it were taken for the fastest until its first answer.
    if (!this.latency.isKnown || !other.latency.isKnown) return load <= otherLoad;
    return load * (this.latency.at(nowMs) + LATENCY_MIN_MS) <= otherLoad * (other.latency.at(nowMs) + LATENCY_MIN_MS);
  }

  /** It left the table: what runs is answered, streams are ended one after the other, then its connections close. */
  leave(streams: OpenStreams): void {
    if (this.isGone) return;
    this.isGone = true;
    streams.endOfInstance(this);
    this.poolNow?.close();
  }

  /** At once; what runs fails. */
  destroy(): void {
    this.isGone = true;
    this.poolNow?.destroy();
  }
}

/** Resolves names as the system does, and leaves out addresses that must not be connected to (DNS rebinding). */
export const allowedLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return callback(error, '', 0);
    const allowed = addresses.filter((found) => isAllowedAddress(found.address));
    const first = allowed[0];
    if (first === undefined)
      return callback(Object.assign(new Error(`no allowed address for ${hostname}`), { code: 'EHOSTUNREACH' }), '', 0);
    if (options.all === true) return callback(null, allowed, 0);
    callback(null, first.address, first.family);
  });
};
