/** Knows who routes by the table, and by which epoch each of them does. */
import type { Acknowledgement } from '@switchyard/contracts/registry';
import { WATCHER_LEASE_MS } from '@switchyard/contracts/registry';
import type { Clock } from '@switchyard/kit/clock';

type Role = 'gateway' | 'client';

const NOTHING_YET = '"epoch":null,"inFlight":{},"traffic":{}';

interface Watcher {
  role: Role;
  /** Watches open under this id. */
  streams: number;
  /** JSON of what it acknowledged last, without the braces: a swap reads it several times between two acknowledgements. */
  acknowledged: string;
  leaseUntilMs: number;
}

/**
 * A watcher has a lease of WATCHER_LEASE_MS from when it opens its watch, renewed by acknowledgements alone: an open connection does not prove
 * that anybody routes by what comes out of it. It is listed while its lease lasts or its watch is open, whichever is longer.
 */
export class Watchers {
  private readonly clock: Clock;
  private readonly max: number;
  private readonly watchers = new Map<string, Watcher>();

  constructor(clock: Clock, max: number) {
    this.clock = clock;
    this.max = max;
  }

  get count(): number {
    this.sweep();
    return this.watchers.size;
  }

  ids(): Iterable<string> {
    return this.watchers.keys();
  }

  /** Notes a watcher that asks for the table, whether or not it gets it now. False: there are too many. */
  seen(id: string, role: Role): boolean {
    const known = this.watchers.get(id);
    if (known === undefined) {
      this.sweep();
      if (this.watchers.size >= this.max) return false;
      this.watchers.set(id, {
        role,
        streams: 0,
        acknowledged: NOTHING_YET,
        leaseUntilMs: this.leaseUntilMs(),
      });
      return true;
    }
    known.role = role;
    known.leaseUntilMs = this.leaseUntilMs();
    return true;
  }

  opened(id: string): void {
    const watcher = this.watchers.get(id);
    if (watcher !== undefined) watcher.streams += 1;
  }

  closed(id: string): void {
    const watcher = this.watchers.get(id);
    if (watcher !== undefined) watcher.streams -= 1;
  }

  /** Renews the lease. False: there is no such watcher. */
  acknowledge(id: string, { epoch, inFlight, traffic }: Acknowledgement): boolean {
    this.sweep();
    const watcher = this.watchers.get(id);
    if (watcher === undefined) return false;
    watcher.acknowledged = JSON.stringify({ epoch, inFlight, traffic }).slice(1, -1);
    watcher.leaseUntilMs = this.leaseUntilMs();
    return true;
  }

  /** JSON of Watchers (contracts/src/registry.ts). */
  get json(): string {
    this.sweep();
    const nowMs = this.clock.nowMs();
    const entries = Array.from(this.watchers, ([id, { role, streams, acknowledged, leaseUntilMs }]) => {
      const leaseExpiresInMs = Math.max(0, Math.round(leaseUntilMs - nowMs));
      return `{"id":${JSON.stringify(id)},"role":"${role}","connected":${streams > 0},${acknowledged},"leaseExpiresInMs":${leaseExpiresInMs}}`;
    });
    return `{"watchers":[${entries.join(',')}]}`;
  }

  private leaseUntilMs(): number {
    return this.clock.nowMs() + WATCHER_LEASE_MS;
  }

  private sweep(): void {
    const nowMs = this.clock.nowMs();
    for (const [id, watcher] of this.watchers)
      if (watcher.streams <= 0 && watcher.leaseUntilMs <= nowMs) this.watchers.delete(id);
  }
}
