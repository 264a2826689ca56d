/** The table in memory: every service, the revision of its last change, and the JSON that is made from it once for everybody. */
import type { Registration } from '@switchyard/contracts/registry';
import type { LiveState } from '../live/live-state.ts';
import { instanceRecord, ServiceRecord } from './service-record.ts';
import type { InstanceRecord } from './service-record.ts';

/** Names of services that are gone are remembered for watchers that resume; the oldest are forgotten beyond this. */
const GONE_MAX = 10_000;
/** Most characters of JSON that all instances together may take: about 3,000 for each of 10,000. */
const INSTANCES_MAX_CHARACTERS = 33_554_432;

export interface TableOptions {
  /** Revisions go on from here; above any that was ever given out (live/live-state.ts). */
  readonly firstRevision: number;
  /** Called after each change, at once; what it starts should wait for the end of the tick. */
  readonly onChange: () => void;
}

export class RoutingTable {
  private readonly services = new Map<string, ServiceRecord>();
  private readonly byInstance = new Map<string, InstanceRecord>();
  private readonly pathOwners = new Map<string, string>();
  private readonly ownedPaths = new Map<string, readonly string[]>();
  /** Name -> revision at which the service went. */
  private readonly gone = new Map<string, number>();
  /** Changes up to here can no longer be told apart. */
  private forgottenUpTo: number;
  private instanceCharacters = 0;
  private revisionNow: number;
  private epochNow = 0;
  private readonly onChange: () => void;
  private text: { revision: number; json: string } | null = null;

  constructor(options: TableOptions) {
    this.revisionNow = options.firstRevision;
    this.forgottenUpTo = options.firstRevision;
    this.onChange = options.onChange;
  }

  get revision(): number {
    return this.revisionNow;
  }

  get epoch(): number {
    return this.epochNow;
  }

  get instanceCount(): number {
    return this.byInstance.size;
  }

  get serviceCount(): number {
    return this.services.size;
  }

  service(name: string): ServiceRecord | undefined {
    return this.services.get(name);
  }

  instance(id: string): InstanceRecord | undefined {
    return this.byInstance.get(id);
  }

  allServices(): Iterable<ServiceRecord> {
    return this.services.values();
  }

  allInstances(): Iterable<InstanceRecord> {
    return this.byInstance.values();
  }

  /** Whether one more of this size may come in. */
  hasRoomFor(registration: Registration): boolean {
    return this.instanceCharacters + JSON.stringify(registration).length <= INSTANCES_MAX_CHARACTERS;
  }

  /** Puts an instance in, or in the place of its former self. One that says what it said before changes nothing, nor does the revision. */
  put(id: string, registration: Registration): { isNew: boolean } {
    const before = this.byInstance.get(id);
    const instance = instanceRecord(id, registration);
    const isSame = before?.registrationJson === instance.registrationJson;
    if (isSame) return { isNew: false };
    if (before !== undefined && (before.service !== instance.service || before.deployment !== instance.deployment))
      this.remove(id);
    const service = this.serviceFor(instance.service);
    this.instanceCharacters += instance.json.length - (this.byInstance.get(id)?.json.length ?? 0);
    this.byInstance.set(id, instance);
    service.put(instance);
    this.changed(service);
    return { isNew: before === undefined };
  }

  /** The instance that went; undefined when there was none. */
  remove(id: string): InstanceRecord | undefined {
    const instance = this.byInstance.get(id);
    if (instance === undefined) return undefined;
    this.byInstance.delete(id);
    this.instanceCharacters -= instance.json.length;
    const service = this.serviceFor(instance.service);
    service.remove(instance);
    this.changed(service);
    return instance;
  }

  /** Takes over what is live and what is declared. */
  apply(state: LiveState): void {
    const epochMoved = this.epochNow !== state.epoch;
    this.epochNow = state.epoch;
    const names = new Set([...this.services.keys(), ...Object.keys(state.live), ...Object.keys(state.declared)]);
    let isChanged = false;
    for (const name of names) {
      const entry = state.live[name] ?? null;
      const declaredRoutes = state.declared[name]?.routes ?? null;
      const known = this.services.get(name);
      if (known !== undefined && known.entry === entry && known.declaredRoutes === declaredRoutes) continue;
      const service = known ?? this.serviceFor(name);
      Object.assign(service, { entry, declaredRoutes });
      this.changed(service);
      isChanged = true;
    }
    if (epochMoved && !isChanged) {
      this.revisionNow += 1;
      this.onChange();
    }
  }

  /**
   * The service that keeps another from claiming `path`: whoever claims exactly this path, and for a service that no yard file declares
   * also whoever declares a path above it (but `/`, below which everything is).
   */
  pathOwner(path: string, forService: string): string | null {
    const exact = this.pathOwners.get(path);
    if (exact !== undefined && exact !== forService) return exact;
    if (this.services.get(forService)?.declaredRoutes != null) return null;
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
      const owner = this.pathOwners.get(path.slice(0, end));
      if (owner === undefined || owner === forService) continue;
      if (this.services.get(owner)?.declaredRoutes?.some((route) => route.path === path.slice(0, end)) === true)
        return owner;
    }
    return null;
  }

  /** JSON of a Table (contracts/src/registry.ts). */
  get json(): string {
    if (this.text?.revision !== this.revisionNow)
      this.text = { revision: this.revisionNow, json: this.write(this.services.keys()) };
    return this.text.json;
  }

  /** JSON of a Change with all that changed after `revision`; null when nothing did; undefined when that is not known any more. */
  changesSince(revision: number): string | null | undefined {
    if (revision < this.forgottenUpTo || revision > this.revisionNow) return undefined;
    if (revision === this.revisionNow) return null;
    const names = new Set<string>();
    for (const service of this.services.values()) if (service.changedAt > revision) names.add(service.name);
    for (const [name, goneAt] of this.gone) if (goneAt > revision) names.add(name);
    return this.write(names);
  }

  private write(names: Iterable<string>): string {
    const entries: string[] = [];
    for (const name of names) entries.push(`${JSON.stringify(name)}:${this.services.get(name)?.json ?? 'null'}`);
    return `{"epoch":${this.epochNow},"revision":${this.revisionNow},"services":{${entries.join(',')}}}`;
  }

  private serviceFor(name: string): ServiceRecord {
    let service = this.services.get(name);
    if (service === undefined) {
      service = new ServiceRecord(name);
      this.services.set(name, service);
      this.gone.delete(name);
    }
    return service;
  }

  private changed(service: ServiceRecord): void {
    this.revisionNow += 1;
    service.touch(this.revisionNow);
    for (const path of this.ownedPaths.get(service.name) ?? [])
      if (this.pathOwners.get(path) === service.name) this.pathOwners.delete(path);
    const paths = [...service.paths()];
    for (const path of paths) if (!this.pathOwners.has(path)) this.pathOwners.set(path, service.name);
    this.ownedPaths.set(service.name, paths);
    if (!service.isNeeded) this.forget(service.name);
    this.onChange();
  }

  private forget(name: string): void {
    this.services.delete(name);
    this.ownedPaths.delete(name);
    this.gone.delete(name);
    this.gone.set(name, this.revisionNow);
    if (this.gone.size <= GONE_MAX) return;
    const [oldest, goneAt] = this.gone.entries().next().value!;
    this.gone.delete(oldest);
    this.forgottenUpTo = goneAt;
  }
}
