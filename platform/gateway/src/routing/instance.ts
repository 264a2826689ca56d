/** One instance of a service as the gateway uses it: its connections, what is in flight there, how fast it answers. */
import { lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { Pool } from 'undici';
import { Ejection } from './ejection.ts';
import { Latency } from './latency.ts';
import type { OpenStreams } from '../upstream/open-streams.ts';
import { isAllowedAddress } from './upstream-address.ts';

/** Requests in flight to one instance, and so connections: beyond it, requests are refused instead of queued. */
export const IN_FLIGHT_MAX = 1_024;
const CONNECT_TIMEOUT_MS = 3_000;
/** Below the 75 s after which services made with the kit close an idle connection, so that it is never they who close first. */
const KEEP_ALIVE_MS = 60_000;
/** Added to averages, so that differences of a few microseconds decide nothing. */
const LATENCY_MIN_MS = 0.1;
const ANSWER_HEAD_MAX_BYTES = 65_536;

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
  readonly ejection = new Ejection();
  private poolNow: Pool | null = null;

  constructor(address: InstanceAddress) {
    this.id = address.id;
    this.host = address.host;
    this.port = address.port;
  }

  /** Opened with the first request. */
  get pool(): Pool {
    return (this.poolNow ??= new Pool(`http://${this.host.includes(':') ? `[${this.host}]` : this.host}:${this.port}`, {
      connections: IN_FLIGHT_MAX,
      pipelining: 1,
      allowH2: false,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: ANSWER_HEAD_MAX_BYTES,
      // Deadlines are kept by the gateway itself, at one place for all waits.
      headersTimeout: 0,
      bodyTimeout: 0,
      connectTimeout: CONNECT_TIMEOUT_MS,
      connect: { lookup: allowedLookup, noDelay: true },
    }));
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
    this.poolNow?.close().catch(() => {});
  }

  /** At once; what runs fails. */
  async destroy(): Promise<void> {
    this.isGone = true;
    await this.poolNow?.destroy();
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
