/** The registry's locks that a swap holds: taken together or not at all, renewed while it lasts, with their fencing tokens. */
import { setTimeout as pause } from 'node:timers/promises';
import { RegistryError } from '@switchyard/kit/registry/client';
import type { RegistryClient } from '@switchyard/kit/registry/client';

export const LOCK_TTL_MS = 10_000;
const RENEW_EVERY_MS = 3_000;
const UNLOCK_RETRY_MS = 100;

export interface LockedOut {
  readonly service: string;
  readonly heldBy: string;
  readonly expiresInMs: number;
}

export class HeldLocks {
  private readonly registry: RegistryClient;
  private readonly holder: string;
  private readonly services: readonly string[];
  private readonly tokensByService = new Map<string, number>();
  private renewing: AbortController | null = null;

  /** `holder`: unique to the swap, so that whoever goes on with it after a crash has the locks at once. */
  constructor(registry: RegistryClient, holder: string, services: readonly string[]) {
    this.registry = registry;
    this.holder = holder;
    this.services = [...services].sort();
  }

  get tokens(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.tokensByService);
  }

  get areHeld(): boolean {
    return this.tokensByService.size > 0;
  }

  /** They are held no more: the next change takes them again. */
  forget(): void {
    this.tokensByService.clear();
  }

  /** Null when all are held; else who holds one of them, and none is. In the order of names, so that two swaps never wait for each other. */
  async take(signal: AbortSignal): Promise<LockedOut | null> {
    for (const service of this.services) {
      const answer = await this.registry.lock(service, { holder: this.holder, ttlMs: LOCK_TTL_MS }, { signal });
      if ('heldBy' in answer) {
        await this.release();
        return { service, ...answer };
      }
      this.tokensByService.set(service, answer.held.token);
    }
    this.renewing ??= this.renewFrom(new AbortController());
    return null;
  }

  /**
   * Gives them back, also what a supervisor before this one took. A registry that is away is waited for, as after yard down and yard up, when it
   * starts beside this; not for longer than they last without it.
   */
  async release(): Promise<void> {
    this.leave();
    const lapsed = AbortSignal.timeout(LOCK_TTL_MS);
    for (const service of this.services) await this.unlock(service, lapsed);
    this.tokensByService.clear();
  }

  /** Ends the renewals and keeps what is held: the next supervisor goes on with it. */
  leave(): void {
    this.renewing?.abort();
    this.renewing = null;
  }

  private async unlock(service: string, lapsed: AbortSignal): Promise<void> {
    while (!lapsed.aborted) {
      try {
        await this.registry.unlock(service, { holder: this.holder }, { signal: lapsed });
        return;
      } catch (error) {
        const isAway = error instanceof RegistryError && (error.status === 0 || error.status >= 500);
        if (!isAway) return;
      }
      await pause(UNLOCK_RETRY_MS, undefined, { signal: lapsed }).catch(() => undefined);
    }
  }

  private renewFrom(until: AbortController): AbortController {
    void this.renew(until.signal);
    return until;
  }

  private async renew(signal: AbortSignal): Promise<void> {
    for (;;) {
      await pause(RENEW_EVERY_MS, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return;
      for (const service of this.tokensByService.keys()) {
        // One that is lost is noticed at the next change, which the registry then refuses.
        await this.registry
          .renewLock(service, { holder: this.holder, ttlMs: LOCK_TTL_MS }, { signal })
          .catch(() => undefined);
      }
    }
  }
}
