/** Finds instances of a service's live deployment in the local copy of the table. */
import type { Instance, Table } from '@switchyard/contracts/registry';

/** Where one instance answers. */
export interface Found {
  readonly instanceId: string;
  readonly deployment: string;
  readonly host: string;
  readonly port: number;
}

/** What a finder needs of a TableWatch. */
export interface TableSource {
  readonly table: Table | null;
}

/** `endpoint` is a name of an instance's `endpoints`, such as `tcp`; `http` is its host and port. */
export class Finder {
  private readonly source: TableSource;
  private turn = 0;

  constructor(source: TableSource) {
    this.source = source;
  }

  /** The next instance in turn that is UP in the live deployment and has the endpoint; null when there is none. */
  find(service: string, endpoint = 'http'): Found | null {
    const found = this.instances(service, endpoint);
    if (found.length === 0) return null;
    this.turn = (this.turn + 1) % Number.MAX_SAFE_INTEGER;
    return found[this.turn % found.length] ?? null;
  }

  /** All of them, in the table's order. */
  instances(service: string, endpoint = 'http'): readonly Found[] {
    const entry = this.source.table?.services[service];
    if (entry === undefined || entry.live === null) return [];
    const deployment = entry.live;
    return (entry.deployments[deployment]?.instances ?? []).flatMap((instance) => {
      const address = instance.status === 'UP' ? addressOf(instance, endpoint) : null;
      return address === null ? [] : [{ instanceId: instance.id, deployment, ...address }];
    });
  }
}

function addressOf(instance: Instance, endpoint: string): { host: string; port: number } | null {
  if (endpoint === 'http') return { host: instance.host, port: instance.port };
  const named = instance.endpoints[endpoint];
  return named === undefined ? null : { host: named.host ?? instance.host, port: named.port };
}
