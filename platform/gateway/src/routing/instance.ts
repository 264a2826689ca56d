/** One instance of a service as the gateway uses it: its connections, what is in flight there, how fast it answers. */
import { lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { Pool } from 'undici';
import { Latency } from './latency.ts';
import type { OpenStreams } from '../upstream/open-streams.ts';
import { isAllowedAddress } from './upstream-address.ts';

/** Requests in flight to one instance, and so connections: beyond it, requests are refused instead of queued. */
export const IN_FLIGHT_MAX = 1_024;
const CONNECT_TIMEOUT_MS = 3_000;
/** Below the 75 s after which services made with the kit close an idle connection, so that it is never they who close first. */
const KEEP_ALIVE_MS = 60_000;
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

  /** What a further request would wait here, for comparison with other instances only. */
  loadAt(nowMs: number): number {
    return ((this.inFlight + 1) * (this.latency.at(nowMs) + 1)) / this.weight;
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
