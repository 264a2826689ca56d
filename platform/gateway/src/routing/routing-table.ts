/** What the gateway routes by: the registry's table turned into services, instances and an index of routes, anew with each change. */
import type { Table } from '@switchyard/contracts/registry';
import type { RoutePolicy } from '@switchyard/contracts/route';
import { RouteFinder } from './route-finder.ts';
import type { CompiledRoute } from './route-finder.ts';
import { Service } from './service.ts';
import type { ServiceSurroundings } from './service.ts';

export class RoutingTable {
  readonly services = new Map<string, Service>();
  private index: RouteFinder;
  private epochNow: number | null = null;
  private readyNow = false;
  private readonly own: readonly CompiledRoute[];
  private readonly around: ServiceSurroundings;

  /** `own` routes are the gateway's, and so is all that lies below them: no service is asked there. */
  constructor(own: readonly RoutePolicy[], around: ServiceSurroundings) {
    this.own = own.map((policy) => ({ policy, service: null }));
    this.around = around;
    this.index = new RouteFinder(this.own);
  }

  /** The epoch it routes by; null before the first table. */
  get epoch(): number | null {
    return this.epochNow;
  }

  /** Whether every declared service has had a live instance; from then on true. Without a declared service, any live one will do. */
  get isReady(): boolean {
    return this.readyNow;
  }

  get routes(): IterableIterator<CompiledRoute> {
    return this.index.routes;
  }

  find(path: string): CompiledRoute | null {
    return this.index.find(path);
  }

  service(name: string): Service | null {
    return this.services.get(name) ?? null;
  }

  /** Takes a table over, whole, before it returns. Services that `changed` does not name are as they were. */
  take(table: Table, changed: ReadonlySet<string>): void {
    for (const [name, service] of this.services)
      if (table.services[name] === undefined) {
        service.leave();
        this.services.delete(name);
      }
    for (const [name, entry] of Object.entries(table.services)) {
      let service = this.services.get(name);
      if (service !== undefined && !changed.has(name)) continue;
      if (service === undefined) this.services.set(name, (service = new Service(name, this.around)));
      service.take(entry);
    }
    this.index = new RouteFinder([...this.own, ...this.routesOf(table)]);
    this.epochNow = table.epoch;
    this.readyNow ||= this.hasAllDeclared(table);
  }

  /** Requests in flight by deployment, for the acknowledgement. */
  inFlight(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const service of this.services.values())
      for (const deployment of service.deployments.values()) counts[deployment.id] = deployment.inFlight;
    return counts;
  }

  async destroy(): Promise<void> {
    const instances = [...this.services.values()].flatMap((service) =>
      [...service.deployments.values()].flatMap((deployment) => [...deployment.instances.values()]),
    );
    await Promise.all(instances.map((instance) => instance.destroy()));
  }

  /** Declared services first, then by name, so that every gateway decides alike where two claim one path. */
  private routesOf(table: Table): CompiledRoute[] {
    const entries = Object.entries(table.services).sort(
      ([nameA, a], [nameB, b]) => Number(b.declared) - Number(a.declared) || (nameA < nameB ? -1 : 1),
    );
    return entries.flatMap(([name, entry]) => {
      const live = entry.live === null ? undefined : entry.deployments[entry.live];
      const policies = live !== undefined && live.routes.length > 0 ? live.routes : (entry.routes ?? []);
      const service = this.services.get(name)!;
      return policies.filter((policy) => !this.isOwn(policy.path)).map((policy) => ({ policy, service }));
    });
  }

  private isOwn(path: string): boolean {
    return this.own.some(({ policy: own }) => path === own.path || path.startsWith(`${own.path}/`));
  }

  private hasAllDeclared(table: Table): boolean {
    const hasLive = (name: string): boolean => (this.services.get(name)?.live?.up.length ?? 0) > 0;
    const declared = Object.entries(table.services).filter(([, entry]) => entry.declared);
    if (declared.length === 0) return Object.keys(table.services).some(hasLive);
    return declared.every(([name]) => hasLive(name));
  }
}
