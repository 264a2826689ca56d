/** Speaks to the registry for the yard: declares its services, makes deployments live, registers what does not register itself. */
import { setTimeout as pause } from 'node:timers/promises';
import type { DeclarationsInput, LiveDecisions, RegistrationInput, Table } from '@switchyard/contracts/registry';
import { RegistryClient, RegistryError } from '@switchyard/kit/registry/client';
import { checkHealth } from './health-check.ts';

/** Of instances that the yard registers. */
export const FOREIGN_LEASE_MS = 10_000;
const RENEW_EVERY_MS = 3_000;
const PROBE_TIMEOUT_MS = 2_000;
/** Checks that fail in a row before traffic is kept away from an instance. */
const FAILURES_UNTIL_DOWN = 2;
/** How long a service that names its instance may take to register itself, before the yard does it. */
const SELF_REGISTRATION_MS = 10_000;
const RETRY_MS = 100;
const LEAVE_TIMEOUT_MS = 1_000;

export interface JoiningInstance {
  readonly id: string;
  readonly service: string;
  readonly deployment: string;
  readonly side: 'blue' | 'green';
  readonly host: string;
  readonly port: number;
  readonly tcpPort: number | null;
  readonly health: string | undefined;
  /** It registers itself. */
  readonly echoes: boolean;
}

/**
 * What is to become of a deployment that is well: it goes live; it stays beside what is live; or a swap decides, after which it goes live
 * if nothing else is.
 */
export type Standing = 'live' | 'beside' | 'undecided';

export class Registrar {
  private readonly client: RegistryClient;
  private readonly note: (message: string) => void;
  private readonly renewals = new Map<string, AbortController>();

  constructor(options: { readonly url: string; readonly token: string; readonly note: (message: string) => void }) {
    this.client = new RegistryClient({ url: options.url, token: options.token });
    this.note = options.note;
  }

  /** Says which services there are and what they answer for; until the registry has taken it. */
  async declare(declarations: DeclarationsInput, signal: AbortSignal): Promise<void> {
    await this.until(signal, async () => {
      await this.client.declare(declarations, { signal });
      return true;
    });
  }

  /** What is live as it was decided, also while the registry recovers; null when it does not answer. */
  async decisions(signal: AbortSignal): Promise<LiveDecisions | null> {
    return this.client.readLive({ signal }).catch(() => null);
  }

  /** The same, until it answers. */
  decided(signal: AbortSignal): Promise<LiveDecisions> {
    return this.until(signal, () => this.decisions(signal));
  }

  /**
   * Registers the instance if it does not do so itself, and makes its deployment live while `standing` says so (asked anew each
   * time: a swap may have made another one live meanwhile); tries for as long as it takes. Rejects only when `leaving` aborts.
   */
  async join(
    instance: JoiningInstance,
    standing: () => Standing,
    leaving: AbortSignal,
  ): Promise<{ readonly epoch: number }> {
    if (!instance.echoes) await this.register(instance, leaving);
    const fallbackAtMs = performance.now() + SELF_REGISTRATION_MS;
    let isRegistered = !instance.echoes;
    let epoch = 0;
    return this.until(leaving, async () => {
      const table = await this.tableUnlessRecovering(leaving);
      if (table === null) {
        if (standing() !== 'live') return null;
        // After a crash of everything the registry publishes nothing until what was live is back, and some of that waits for us.
        const answer = await this.setLive(instance, epoch, leaving);
        ({ epoch } = answer);
        return answer.set ? answer : null;
      }
      const entry = table.services[instance.service];
      const there = entry?.deployments[instance.deployment]?.instances.some(({ id }) => id === instance.id) ?? false;
      if (!there) {
        if (!isRegistered && performance.now() > fallbackAtMs) {
          isRegistered = true;
          await this.register(instance, leaving);
        }
        return null;
      }
      if (entry?.live === instance.deployment || standing() === 'beside') return { epoch: table.epoch };
      if (standing() === 'undecided') return entry?.live === null ? null : { epoch: table.epoch };
      const answer = await this.setLive(instance, table.epoch, leaving);
      return answer.set ? answer : null;
    });
  }

  /** Takes an instance out, so that no new request goes to it. Never rejects: a registry that is away learns it by the lapsed lease. */
  async leave(id: string): Promise<void> {
    this.renewals.get(id)?.abort();
    this.renewals.delete(id);
    await this.client.deregister(id, { signal: AbortSignal.timeout(LEAVE_TIMEOUT_MS) }).catch(() => undefined);
  }

  /** Ends all renewals, and leaves what is registered as it is. */
  close(): void {
    for (const renewal of this.renewals.values()) renewal.abort();
    this.renewals.clear();
  }

  private setLive({ service, deployment }: JoiningInstance, expect: number, signal: AbortSignal) {
    return this.client.setLive({ changes: { [service]: { live: deployment } }, expect }, { signal });
  }

  private async tableUnlessRecovering(signal: AbortSignal): Promise<Table | null> {
    try {
      return await this.client.readTable({ signal });
    } catch (error) {
      if (error instanceof RegistryError && error.status === 503) return null;
      throw error;
    }
  }

  private async register(instance: JoiningInstance, leaving: AbortSignal): Promise<void> {
    await this.until(leaving, async () => {
      await this.client.register(instance.id, registrationOf(instance, 'UP'), { signal: leaving });
      return true;
    });
    this.renewals.get(instance.id)?.abort();
    const renewal = new AbortController();
    this.renewals.set(instance.id, renewal);
    void this.keepRegistered(instance, AbortSignal.any([leaving, renewal.signal]));
  }

  /** A promise kept for the instance only while it is well: traffic stays away from one that answers no more. */
  private async keepRegistered(instance: JoiningInstance, signal: AbortSignal): Promise<void> {
    let failures = 0;
    const question = {
      hosts: [instance.host],
      port: instance.port,
      health: instance.health,
      instanceId: instance.id,
      timeoutMs: PROBE_TIMEOUT_MS,
    };
    while (!signal.aborted) {
      await pause(RENEW_EVERY_MS, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      const isWell = (await checkHealth(question)).kind === 'well';
      const wasDown = failures >= FAILURES_UNTIL_DOWN;
      failures = isWell ? 0 : failures + 1;
      const isDown = failures >= FAILURES_UNTIL_DOWN;
      try {
        if (isDown !== wasDown) {
          this.note(`${instance.id} ${isDown ? 'answers no more: no requests go to it' : 'answers again'}`);
          await this.client.register(instance.id, registrationOf(instance, isDown ? 'DOWN' : 'UP'), { signal });
        } else if ((await this.client.renew(instance.id, { signal })) === 'unknown') {
          await this.client.register(instance.id, registrationOf(instance, isDown ? 'DOWN' : 'UP'), { signal });
        }
      } catch {
        // The registry is away: it keeps what answers when it is back, and the next round comes soon.
      }
    }
  }

  private async until<T>(signal: AbortSignal, attempt: () => Promise<T | null>): Promise<T> {
    let told: string | null = null;
    for (;;) {
      try {
        const result = await attempt();
        if (result !== null) return result;
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof RegistryError)) throw error;
        if (isWorthTelling(error) && error.message !== told) {
          told = error.message;
          this.note(error.message);
        }
      }
      await pause(RETRY_MS, undefined, { signal });
    }
  }
}

/** Not that it is away or comes back, which passes: what somebody has to do something about, a full disk for instance. */
const isWorthTelling = ({ status, problem }: RegistryError): boolean =>
  status >= 400 && problem?.code !== 'REGISTRY_RECOVERING';

function registrationOf(instance: JoiningInstance, status: 'UP' | 'DOWN'): RegistrationInput {
  const { service, deployment, side, host, port, tcpPort, health } = instance;
  return {
    service,
    deployment,
    side,
    host,
    port,
    status,
    leaseMs: FOREIGN_LEASE_MS,
    version: deployment,
    metadata: { registeredBy: 'yard' },
    ...(tcpPort === null ? {} : { endpoints: { tcp: { port: tcpPort } } }),
    ...(health === undefined ? {} : { health }),
  };
}
