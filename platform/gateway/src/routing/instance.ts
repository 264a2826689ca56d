/** One instance of a service as the gateway uses it: its connections, what is in flight there, how fast it answers. */
import { lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { ConnectionPool } from '../upstream/connection-pool.ts';
import { Latency } from './latency.ts';
import type { OpenStreams } from '../upstream/open-streams.ts';
import { isAllowedAddress } from './upstream-address.ts';

/** Requests in flight to one instance, and so connections: beyond it, requests are refused instead of queued. */
export const IN_FLIGHT_MAX = 1_024;
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
  isGone = false;
  readonly latency = new Latency();
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

  /** What a further request would wait here, for comparison with other instances only. */
  loadAt(nowMs: number): number {
    return ((this.inFlight + 1) * (this.latency.at(nowMs) + 1)) / this.weight;
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
      return callback(Object.assign(new Error(`no allowed address for ${hostname}`), { code: 'EADDRNOTAVAIL' }), '', 0);
    if (options.all === true) return callback(null, allowed, 0);
    callback(null, first.address, first.family);
  });
};
