/** Finds instances of a service's live deployment in the local copy of the table, and counts what is under way to each deployment. */
import type { Instance, Table } from '@switchyard/contracts/registry';

/** Where one instance answers. */
export interface Found {
  readonly instanceId: string;
  readonly deployment: string;
  readonly host: string;
  readonly port: number;
}

/** An instance, and a piece of work on it that counts as in flight until `end()`. */
export interface Claimed extends Found {
  /** Aborted when the deployment is no longer the live one. Work that can be done again elsewhere breaks off then; other work runs to its end. */
  readonly moved: AbortSignal;
  /** A second call changes nothing. */
  readonly end: () => void;
}

/** What a finder needs of a TableWatch. */
export interface TableSource {
  readonly table: Table | null;
}

interface Claim {
  readonly service: string;
  readonly deployment: string;
  readonly mover: AbortController;
}

/** `endpoint` is a name of an instance's `endpoints`, such as `tcp`; `http` is its host and port. */
export class Finder {
  private readonly source: TableSource;
  private readonly claims = new Set<Claim>();
  private readonly onDrained: () => void;
  private turn = 0;
  /** The acknowledgement of the new table is about to say what ends now. */
  private isTelling = false;

  /** `onDrained`: the last piece of work on a deployment that is no longer live has ended. */
  constructor(source: TableSource, onDrained: () => void = () => {}) {
    this.source = source;
    this.onDrained = onDrained;
  }

  /** The next instance in turn that is UP in the live deployment and has the endpoint; null when there is none. */
  find(service: string, endpoint = 'http'): Found | null {
    const found = this.instances(service, endpoint);
    if (found.length === 0) return null;
    this.turn = (this.turn + 1) % Number.MAX_SAFE_INTEGER;
    return found[this.turn % found.length] ?? null;
  }

  /**
   * The same, claimed in the same step: between finding an instance and sending to it no table can be acknowledged that does not count
   * this piece of work.
   */
  claim(service: string, endpoint = 'http'): Claimed | null {
    const found = this.find(service, endpoint);
    if (found === null) return null;
    const claim: Claim = { service, deployment: found.deployment, mover: new AbortController() };
    this.claims.add(claim);
    return { ...found, moved: claim.mover.signal, end: () => this.release(claim) };
  }

  /** All instances that find() chooses from, in the table's order. */
  instances(service: string, endpoint = 'http'): readonly Found[] {
    const entry = this.source.table?.services[service];
    if (entry === undefined || entry.live === null) return [];
    const deployment = entry.live;
    return (entry.deployments[deployment]?.instances ?? []).flatMap((instance) => {
      const address = instance.status === 'UP' ? addressOf(instance, endpoint) : null;
      return address === null ? [] : [{ instanceId: instance.id, deployment, ...address }];
    });
  }

  /** Claims that have not ended, by deployment; none with 0. For the table watch's acknowledgements. */
  inFlight(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { deployment } of this.claims) counts[deployment] = (counts[deployment] ?? 0) + 1;
    return counts;
  }

  /** Call when the table has changed, before it is acknowledged: tells those who work on a deployment that is no longer live. */
  tableChanged(): void {
    this.isTelling = true;
    for (const claim of this.claims) if (!this.isLive(claim)) claim.mover.abort(new Moved(claim.deployment));
    this.isTelling = false;
  }

  private release(claim: Claim): void {
    if (!this.claims.delete(claim) || this.isTelling || this.isLive(claim)) return;
    for (const { deployment } of this.claims) if (deployment === claim.deployment) return;
    this.onDrained();
  }

  private isLive({ service, deployment }: Claim): boolean {
    return this.source.table?.services[service]?.live === deployment;
  }
}

/** Why a claim's signal is aborted. */
export class Moved extends Error {
  constructor(deployment: string) {
    super(`${deployment} is no longer the live deployment`);
    this.name = 'Moved';
  }
}

function addressOf(instance: Instance, endpoint: string): { host: string; port: number } | null {
  if (endpoint === 'http') return { host: instance.host, port: instance.port };
  const named = instance.endpoints[endpoint];
  return named === undefined ? null : { host: named.host ?? instance.host, port: named.port };
}
