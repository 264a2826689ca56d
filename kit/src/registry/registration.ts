/** Keeps one instance registered for as long as its process serves. */
import type { RegistrationInput } from '@switchyard/contracts/registry';
import type { Clock } from '../clock.ts';
import { systemClock } from '../clock.ts';
import type { Logger } from '../log.ts';
import { RegistryError } from './client.ts';
import type { RegistryClient } from './client.ts';

/** Lease of services made with the kit: a crash shows within 9 s at the latest. */
export const KIT_LEASE_MS = 6_000;
/** Deadline of deregistration, so that a stop never waits for a registry that is away. */
const DEREGISTER_TIMEOUT_MS = 1_000;
/** Pauses after a failure double from the first up to a third of the lease. */
const PAUSE_FIRST_MS = 100;

export interface RegistrationOptions {
  readonly client: RegistryClient;
  /** Unique id of the instance. */
  readonly id: string;
  /** `leaseMs` defaults to KIT_LEASE_MS. */
  readonly registration: RegistrationInput;
  readonly log: Logger;
  readonly clock?: Clock;
  /** 0 to 1, for the jitter. Default Math.random. */
  readonly random?: () => number;
}

export class Registration {
  private readonly options: RegistrationOptions;
  private readonly registration: RegistrationInput & { leaseMs: number };
  private readonly clock: Clock;
  private readonly stopper = new AbortController();
  private isRegistered = false;
  private failures = 0;
  private beating: Promise<void> | null = null;
  private cancelTimer = (): void => {};

  constructor(options: RegistrationOptions) {
    this.options = options;
    this.registration = { ...options.registration, leaseMs: options.registration.leaseMs ?? KIT_LEASE_MS };
    this.clock = options.clock ?? systemClock;
  }

  /** Resolves after the first attempt, whatever became of it: later ones go on by themselves, until `stop`. Never rejects. */
  async start(): Promise<void> {
    if (this.beating === null && !this.stopper.signal.aborted) await this.beat();
  }

  /** Stops renewing and deregisters; at most 1 s. Never rejects: a registration that stays behind lapses. */
  async stop(): Promise<void> {
    if (this.stopper.signal.aborted) return;
    this.stopper.abort(new Error('stopping'));
    this.cancelTimer();
    await this.beating;
    try {
      await this.options.client.deregister(this.options.id, { signal: AbortSignal.timeout(DEREGISTER_TIMEOUT_MS) });
    } catch (error) {
      this.options.log.warn({ err: error }, 'could not deregister; the lease will lapse');
    }
  }

  private beat(): Promise<void> {
    this.beating = this.keep().then((pauseMs) => {
      if (!this.stopper.signal.aborted) this.cancelTimer = this.clock.after(pauseMs, () => void this.beat());
    });
    return this.beating;
  }

  /** One renewal or registration; the pause until the next. */
  private async keep(): Promise<number> {
    const { client, id, log } = this.options;
    const signal = this.stopper.signal;
    try {
      if (this.isRegistered) this.isRegistered = (await client.renew(id, { signal })) === 'renewed';
      if (!this.isRegistered) {
        await client.register(id, this.registration, { signal });
        this.isRegistered = true;
        log.info({ instance: id, service: this.registration.service }, 'registered');
      }
      this.failures = 0;
    } catch (error) {
      if (signal.aborted) return 0;
      this.failures += 1;
      // Away is expected and shows once; a refusal is a fault in the set-up and has to be seen.
      const isRefusal = error instanceof RegistryError && error.status >= 400 && error.status < 500;
      log[isRefusal ? 'error' : this.failures === 1 ? 'warn' : 'debug']({ err: error }, 'could not register');
      if (isRefusal) return this.jittered(this.registration.leaseMs / 3);
    }
    const longestMs = this.registration.leaseMs / 3;
    return this.jittered(
      this.failures === 0 ? longestMs : Math.min(longestMs, PAUSE_FIRST_MS * 2 ** Math.min(this.failures - 1, 20)),
    );
  }

  /** Less up to a tenth, so that instances started together do not renew together. */
  private jittered(pauseMs: number): number {
    return Math.round(pauseMs * (1 - (this.options.random ?? Math.random)() / 10));
  }
}
