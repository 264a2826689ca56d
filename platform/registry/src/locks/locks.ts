/** Who may change a service: its lock, which lapses unless it is renewed, and the fencing token that proves who holds it. */
import type { LiveChange, LockAnswer } from '@switchyard/contracts/registry';
import type { Clock } from '@switchyard/kit/clock';
import { isRefusal, refuse, Refusal, RefusedRequest } from '@switchyard/kit/errors';
import type { Logger } from '@switchyard/kit/log';
import { registryErrors } from '../errors.ts';
import { withLock, withoutLock } from '../live/live-state.ts';
import type { HeldLock, LiveState } from '../live/live-state.ts';
import type { LiveStore } from '../live/live-store.ts';

/** Locks held at once. */
const LOCKS_MAX = 1_000;
/** Parts of the yard are swapped as services are, though nobody registers them. */
const PARTS: ReadonlySet<string> = new Set(['gateway', 'registry']);

/** The refusal LOCK_HELD, with what its problem document says besides. */
export class LockHeld extends Refusal {
  readonly holder: string;
  readonly expiresInMs: number;
  constructor(service: string, { holder, expiresInMs }: { holder: string; expiresInMs: number }) {
    super(registryErrors.LOCK_HELD, { detail: `${service} is locked by ${holder}` });
    this.holder = holder;
    this.expiresInMs = expiresInMs;
  }
}

export interface LocksOptions {
  readonly live: LiveStore;
  /** Whether there is such a service. */
  readonly isKnown: (state: LiveState, service: string) => boolean;
  readonly clock: Clock;
  /** Milliseconds since 1970. */
  readonly wallClockMs: () => number;
  readonly log: Logger;
}

/** How long a lock lasts unless it is renewed; in memory alone, so that renewals cost no write. */
interface Term {
  readonly token: number;
  untilMs: number;
  readonly cancelLapse: () => void;
}

/**
 * Who holds a lock is part of the saved state, decided in one order with what is live: no change can slip between a lock's changing hands and
 * the refusal of its former holder. After a restart every lock has its whole ttl before it, for its holder could not renew meanwhile.
 */
export class Locks {
  private readonly options: LocksOptions;
  private readonly terms = new Map<string, Term>();

  constructor(options: LocksOptions) {
    this.options = options;
  }

  /** Locks that are held. */
  get count(): number {
    return Object.keys(this.options.live.state.locks).length;
  }

  /** Begins and ends terms as the saved state has locks; also at the start, with the state of before. */
  apply({ locks }: LiveState): void {
    for (const [service, lock] of Object.entries(locks))
      if (this.terms.get(service)?.token !== lock.token) this.begin(service, lock);
    for (const service of this.terms.keys()) if (!Object.hasOwn(locks, service)) this.end(service);
  }

  /** Takes the lock, with a new token also for the holder who has it already: what he sent before is refused from then on. */
  async take(service: string, holder: string, ttlMs: number): Promise<LockAnswer | Refusal> {
    const { live, isKnown, log } = this.options;
    const wallClockMs = this.options.wallClockMs();
    const result = await live.change((state) => {
      const held = this.heldIn(state, service);
      if (held !== null && held.holder !== holder) return new LockHeld(service, held);
      if (!PARTS.has(service) && !isKnown(state, service))
        return refuse(registryErrors.SERVICE_UNKNOWN, {
          detail: `${service} is neither declared nor has it an instance`,
        });
      if (!Object.hasOwn(state.locks, service) && Object.keys(state.locks).length >= LOCKS_MAX)
        return refuse(registryErrors.FULL, { detail: `${LOCKS_MAX} locks are held`, retryAfterSeconds: 1 });
      return withLock(state, service, { holder, ttlMs, wallClockMs });
    });
    if (isRefusal(result)) return result;
    const { token } = result.locks[service]!;
    log.info({ lockOf: service, holder, token, ttlMs }, 'lock taken');
    return { service, holder, token, ttlMs };
  }

  /** The holder's lock lasts `ttlMs` from now; its token stays. */
  async renew(service: string, holder: string, ttlMs: number): Promise<LockAnswer | Refusal> {
    const { live } = this.options;
    const held = this.heldIn(live.state, service);
    if (held === null)
      return refuse(registryErrors.LOCK_UNKNOWN, { detail: `${service} is not locked: take its lock again` });
    if (held.holder !== holder) return new LockHeld(service, held);
    const renewed: HeldLock = { holder, token: held.token, ttlMs };
    this.begin(service, renewed);
    // The ttl itself is what a lock begins with after a restart; it seldom changes.
    if (held.ttlMs !== ttlMs)
      await live.change((state) =>
        state.locks[service]?.token === held.token
          ? { ...state, locks: { ...state.locks, [service]: renewed } }
          : state,
      );
    return { service, ...renewed };
  }

  /** Null: it is released, or was not held. */
  async release(service: string, holder: string): Promise<Refusal | null> {
    const { live, log } = this.options;
    const result = await live.change((state) => {
      const held = this.heldIn(state, service);
      return held !== null && held.holder !== holder ? new LockHeld(service, held) : withoutLock(state, service);
    });
    if (isRefusal(result)) return result;
    log.info({ lockOf: service, holder }, 'lock released');
    return null;
  }

  /** Null when every token is the current one of a lock that is held, and no service is changed whose lock somebody else holds. */
  refusalToChange(state: LiveState, { changes, locks }: Pick<LiveChange, 'changes' | 'locks'>): Refusal | null {
    for (const [service, token] of Object.entries(locks)) {
      const held = this.heldIn(state, service);
      if (held?.token === token) continue;
      const now = held === null ? 'nobody holds it now' : `${held.holder} holds it now`;
      return refuse(registryErrors.LOCK_UNKNOWN, {
        detail: `The fencing token ${token} for ${service} is of no lock that is held; ${now}`,
      });
    }
    for (const service of Object.keys(changes)) {
      const held = Object.hasOwn(locks, service) ? null : this.heldIn(state, service);
      if (held !== null) return new LockHeld(service, held);
    }
    return null;
  }

  stop(): void {
    for (const { cancelLapse } of this.terms.values()) cancelLapse();
  }

  /** The lock as a decision sees it. One that is being saved has its whole ttl before it. */
  private heldIn(state: LiveState, service: string): (HeldLock & { readonly expiresInMs: number }) | null {
    const lock = Object.hasOwn(state.locks, service) ? state.locks[service] : undefined;
    if (lock === undefined) return null;
    const term = this.terms.get(service);
    if (term?.token !== lock.token) return { ...lock, expiresInMs: lock.ttlMs };
    const expiresInMs = Math.ceil(term.untilMs - this.options.clock.nowMs());
    return expiresInMs > 0 ? { ...lock, expiresInMs } : null;
  }

  private begin(service: string, { token, ttlMs }: HeldLock): void {
    const { clock } = this.options;
    this.end(service);
    const term: Term = {
      token,
      untilMs: clock.nowMs() + ttlMs,
      cancelLapse: clock.after(ttlMs, () => void this.lapse(service, term)),
    };
    this.terms.set(service, term);
  }

  private end(service: string): void {
    this.terms.get(service)?.cancelLapse();
    this.terms.delete(service);
  }

  /** It is nobody's from now on, whether or not that can be saved; what is saved matters to a restart alone. */
  private async lapse(service: string, term: Term): Promise<void> {
    const { live, clock, log } = this.options;
    term.untilMs = Math.min(term.untilMs, clock.nowMs());
    log.warn({ lockOf: service, token: term.token }, 'lock lapsed: its holder did not renew it');
    try {
      await live.change((state) => (state.locks[service]?.token === term.token ? withoutLock(state, service) : state));
    } catch (error) {
      if (!(error instanceof RefusedRequest)) throw error;
    }
  }
}
