/** What the gateway routes by: the registry's table turned into services, instances and an index of routes, anew with each change. */
import type { Table, Traffic } from '@switchyard/contracts/registry';
import type { RoutePolicy } from '@switchyard/contracts/route';
import type { Deployment, Trouble } from './deployment.ts';
import { RouteFinder } from './route-finder.ts';
import type { CompiledRoute } from './route-finder.ts';
import { Service } from './service.ts';
import type { ServiceSurroundings } from './service.ts';

/** A drain ends with the acknowledgement that says so. */
const DRAINING_EVERY_MS = 50;
/** A bake or a canary is judged by traffic that is this fresh. */
const BAKING_EVERY_MS = 200;
/** Nobody waits for anything. */
const QUIET_EVERY_MS = 3_000;

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

  get deployments(): Deployment[] {
    return [...this.services.values()].flatMap((service) => [...service.deployments.values()]);
  }

  /** What another worker has found out. */
  hear({ service, deployment, instance }: Trouble): void {
    this.services.get(service)?.deployments.get(deployment)?.hear(instance);
  }

  /** Requests in flight by deployment, for the acknowledgement. */
  inFlight(): Record<string, number> {
    return Object.fromEntries(this.deployments.map(({ id, inFlight }) => [id, inFlight]));
  }

  /** What has come of the requests so far by deployment, for the acknowledgement. */
  traffic(): Record<string, Traffic> {
    return Object.fromEntries(this.deployments.map(({ id, traffic }) => [id, traffic]));
  }

  /** How long these figures may be out of date: whoever swaps waits for the first, and judges by the second. */
  get figuresEveryMs(): number {
    let everyMs = QUIET_EVERY_MS;
    for (const { standby, split, deployments } of this.services.values()) {
      if (standby !== null || split !== null) everyMs = Math.min(everyMs, BAKING_EVERY_MS);
      for (const deployment of deployments.values()) if (deployment.isDraining) return DRAINING_EVERY_MS;
    }
    return everyMs;
  }

  destroy(): void {
    for (const { instances } of this.deployments) for (const instance of instances.values()) instance.destroy();
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
