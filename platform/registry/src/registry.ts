/** The registry itself: registers and renews instances, changes what is live and declared, and keeps table, leases and saved state in step. */
import type {
  Acknowledgement,
  Declarations,
  LiveChange,
  LiveDecisions,
  Registration,
} from '@switchyard/contracts/registry';
import type { Clock } from '@switchyard/kit/clock';
import { isRefusal, refuse, RefusedRequest } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import type { Logger } from '@switchyard/kit/log';
import { refusalToAcknowledge, refusalToWrite } from './caller.ts';
import type { Caller } from './caller.ts';
import { registryErrors } from './errors.ts';
import type { InstanceHosts } from './leases/hosts.ts';
import { Leases } from './leases/leases.ts';
import type { EvictionReason } from './leases/leases.ts';
import type { Probe, ProbeOutcome } from './leases/probe.ts';
import type { NotedInstance } from './live/checkpoint.ts';
import { declared, followed, isKnown, liveChanged } from './live/live-decisions.ts';
import { firstRevision, REVISION_BLOCK, withLive } from './live/live-state.ts';
import type { LiveState } from './live/live-state.ts';
import { LiveStore } from './live/live-store.ts';
import type { StateSaver } from './live/live-store.ts';
import { Recovery } from './live/recovery.ts';
import { RestoredInstances } from './live/restored-instances.ts';
import { Locks } from './locks/locks.ts';
import { RoutingTable } from './table/routing-table.ts';
import { Watchers } from './watch/watchers.ts';
import { WatchStreams } from './watch/watch-streams.ts';

/**
 * After a restart, watchers that were there have come back within this time (kit TableWatch tries at least once a second): those that are
 * not known by name are waited for as long, and those that have died.
 */
const WATCHERS_BACK_MS = 2_500;
/** Pause before what could not be saved is tried again. */
const SAVE_AGAIN_MS = 5_000;

export interface RegistryLimits {
  readonly maxInstances: number;
  readonly maxServices: number;
  readonly maxWatchers: number;
  readonly recoveryTimeoutMs: number;
}

export interface RegistryOptions {
  /** As saved before. */
  readonly state: LiveState;
  /** Instances that there were before; null when that is not known. */
  readonly noted: readonly NotedInstance[] | null;
  /** Watchers that there were before, as far as known. */
  readonly notedWatchers: readonly string[];
  readonly saver: StateSaver;
  /** Instances or watchers have changed, and what is noted of them is out of date. */
  readonly onInstances: () => void;
  /** Notes them at once. */
  readonly noteInstances: () => Promise<void>;
  readonly probe: Probe;
  readonly hosts: InstanceHosts;
  readonly limits: RegistryLimits;
  readonly clock: Clock;
  /** Milliseconds since 1970. */
  readonly wallClockMs: () => number;
  readonly log: Logger;
  readonly onEvicted?: (reason: EvictionReason) => void;
  readonly onProbed?: (outcome: ProbeOutcome) => void;
}

export interface LeaseGiven {
  readonly isNew: boolean;
  readonly leaseMs: number;
  readonly revision: number;
}

export class Registry {
  readonly table: RoutingTable;
  readonly live: LiveStore;
  readonly locks: Locks;
  readonly leases: Leases;
  readonly watchers: Watchers;
  readonly streams: WatchStreams;
  readonly recovery: Recovery;
  private readonly restored: RestoredInstances;
  private readonly options: RegistryOptions;
  private readonly watchersBackAtMs: number;
  /** Watchers of before the restart that have not come back yet. */
  private readonly missingWatchers: Set<string>;
  private isReserving = false;

  constructor(options: RegistryOptions) {
    const { state, noted, clock, limits, log } = options;
    this.options = options;
    this.table = new RoutingTable({
      firstRevision: firstRevision(state, options.wallClockMs()),
      onChange: () => this.changed(),
    });
    this.streams = new WatchStreams({
      table: this.table,
      clock,
      maxStreams: limits.maxWatchers,
      canResume: () => this.live.state.sequence > state.sequence,
    });
    this.watchers = new Watchers(clock, limits.maxWatchers);
    this.leases = new Leases({
      clock,
      probe: options.probe,
      onEvict: (id, reason) => this.evicted(id, reason),
      ...(options.onProbed === undefined ? {} : { onProbed: options.onProbed }),
      log,
    });
    this.live = new LiveStore({
      state,
      saver: options.saver,
      revision: () => this.table.revision,
      onSaved: (saved) => this.apply(saved),
      log,
    });
    this.locks = new Locks({
      live: this.live,
      isKnown: (decided, service) => isKnown(decided, this.table, service),
      clock,
      wallClockMs: options.wallClockMs,
      log,
    });
    this.recovery = new Recovery({
      state,
      noted,
      timeoutMs: limits.recoveryTimeoutMs,
      clock,
      onOver: (how) => this.recovered(how),
    });
    const nobodyWasThere = this.recovery.isOver && options.notedWatchers.length === 0;
    this.watchersBackAtMs = nobodyWasThere ? 0 : clock.nowMs() + WATCHERS_BACK_MS;
    this.missingWatchers = new Set(options.notedWatchers);
    this.apply(state);
    this.restored = new RestoredInstances(options.probe, (instance, isThere) => this.restore(instance, isThere));
  }

  /** Reserves revisions, which also proves that the state can be written, and asks the instances of before whether they are there. */
  async start(): Promise<void> {
    try {
      await this.live.change((state) => ({ ...state }));
    } catch (error) {
      if (!(error instanceof RefusedRequest)) throw error;
      this.options.log.error('started, but nothing can change and no watch resume until the state can be saved');
    }
    this.restored.ask((this.options.noted ?? []).filter(({ id }) => this.table.instance(id) === undefined));
    if (!this.recovery.isOver) this.options.log.info({ missing: this.recovery.missing }, 'recovering');
  }

  stop(): void {
    this.locks.stop();
    this.leases.stop();
    this.streams.stop();
    this.recovery.stop();
  }

  /** The table and the list of watchers are not to be told while they lack what was there before a restart. */
  refusalToRead(what: 'table' | 'watchers'): Refusal | null {
    const areWatchersBack = () =>
      this.options.clock.nowMs() >= this.watchersBackAtMs ||
      (this.options.notedWatchers.length > 0 && this.missingWatchers.size === 0);
    const isReady = this.recovery.isOver && (what === 'table' || areWatchersBack());
    return isReady ? null : refuse(registryErrors.RECOVERING, { retryAfterSeconds: 1 });
  }

  /** Registers an instance, or renews it with all it says; the first instance of a service that no yard file declares makes its deployment live. */
  async register(id: string, registration: Registration, caller: Caller): Promise<LeaseGiven | Refusal> {
    const refusal = this.refusalToRegister(id, registration, caller, this.live.state);
    if (refusal !== null) return refusal;
    let isNew = false;
    const put = (): void => {
      isNew = this.put(id, registration);
    };
    if (!this.goesLive(registration, this.live.state)) put();
    else {
      const changed = await this.live.change((state) => {
        const refusedNow = this.refusalToRegister(id, registration, caller, state);
        if (refusedNow !== null) return refusedNow;
        const { service, deployment = `${service}-1` } = registration;
        const isDecided = state.live[service] !== this.live.state.live[service];
        if (isDecided || !this.goesLive(registration, state)) return state;
        return withLive(state, { [service]: { live: deployment, standby: null, split: null } });
      }, put);
      if (isRefusal(changed)) return changed;
      // As in setLive: what is live is waited for after a restart only if it is known that it was there.
      await this.options.noteInstances();
    }
    return { isNew, leaseMs: registration.leaseMs, revision: this.table.revision };
  }

  renew(id: string, caller: Caller): LeaseGiven | Refusal {
    const instance = this.table.instance(id);
    if (instance === undefined) return refuse(registryErrors.INSTANCE_UNKNOWN, { detail: `Register ${id} again` });
    const refusal = this.refusalToChange(instance.service, caller);
    if (refusal !== null) return refusal;
    return { isNew: false, leaseMs: this.leases.renew(id) ?? 0, revision: this.table.revision };
  }

  /** Removes an instance; when it resolves, what follows from that (another deployment is live, or the service is gone) has happened. */
  async deregister(id: string, caller: Caller): Promise<Refusal | null> {
    const service = this.table.instance(id)?.service ?? this.restored.serviceOf(id);
    if (service === undefined) return refuse(registryErrors.INSTANCE_UNKNOWN, { detail: `There is no ${id}` });
    const refusal = this.refusalToChange(service, caller);
    if (refusal !== null) return refusal;
    this.leases.drop(id);
    this.restored.forget(id);
    this.recovery.gone(id);
    this.table.remove(id);
    await this.follow(service);
    return null;
  }

  /** What is live as it was decided, whatever instances there are. */
  decisions(): LiveDecisions {
    const { epoch, live } = this.live.state;
    return { epoch, services: live };
  }

  /** Compare-and-set of what is live, for the operator. The refusals of epoch and locks go with `table.epoch`, the current one. */
  async setLive(change: LiveChange): Promise<{ epoch: number } | Refusal> {
    // What becomes live is noted first: a registry that died right after would not know that it has to wait for its instances.
    await this.options.noteInstances();
    const result = await this.live.change(
      (state) => this.locks.refusalToChange(state, change) ?? liveChanged(state, this.table, change),
    );
    if (!isRefusal(result)) {
      for (const service of Object.keys(change.changes)) this.recovery.decided(service);
      this.options.log.info({ epoch: result.epoch, changes: change.changes }, 'live changed');
      return { epoch: result.epoch };
    }
    // Its instances may be on their way back.
    return result.error === registryErrors.DEPLOYMENT_EMPTY ? (this.refusalToRead('table') ?? result) : result;
  }

  /** Replaces the declarations, for the operator; what no yard file declares has to make room for what one does. */
  async declare(declarations: Declarations): Promise<{ epoch: number } | Refusal> {
    const before = this.live.state.declared;
    const result = await this.live.change(
      (state) => declared(state, declarations),
      () => this.makeRoom(before, declarations.services),
    );
    if (isRefusal(result)) return result;
    await Promise.all(Array.from(this.table.allServices(), ({ name }) => this.follow(name)));
    return { epoch: this.live.state.epoch };
  }

  /** A watcher that routes asks for the table. False: there are too many. */
  welcome(watcher: string, role: 'gateway' | 'client'): boolean {
    const count = this.watchers.count;
    if (!this.watchers.seen(watcher, role)) return false;
    this.missingWatchers.delete(watcher);
    if (this.watchers.count === count) return true;
    this.options.onInstances();
    // A gateway that nobody knows of after a restart would not be waited for: it is noted before it hears anything to route by.
    if (role === 'gateway') void this.options.noteInstances();
    return true;
  }

  acknowledge(watcher: string, acknowledgement: Acknowledgement, caller: Caller): Refusal | null {
    const refusal = refusalToAcknowledge(caller);
    if (refusal !== null) return refusal;
    return this.watchers.acknowledge(watcher, acknowledgement) ? null : refuse(registryErrors.WATCHER_UNKNOWN);
  }

  /** JSON of the list of watchers (contracts/src/registry.ts). */
  listWatchers(): string | Refusal {
    return this.refusalToRead('watchers') ?? this.watchers.json;
  }

  private refusalToRegister(id: string, wanted: Registration, caller: Caller, state: LiveState): Refusal | null {
    const isDeclared = state.declared[wanted.service] !== undefined;
    const refusal = refusalToWrite(caller, wanted.service, isDeclared, 'register');
    if (refusal !== null) return refusal;
    const known = this.table.instance(id);
    if (known !== undefined && known.service !== wanted.service)
      return refuse(registryErrors.INSTANCE_OF_ANOTHER_SERVICE, { detail: `${id} is an instance of ${known.service}` });
    for (const host of [wanted.host, ...Object.values(wanted.endpoints).flatMap(({ host }) => host ?? [])]) {
      const why = this.options.hosts.refusalOf(host);
      if (why !== null) return refuse(registryErrors.ADDRESS_NOT_ALLOWED, { detail: why });
    }
    for (const { path } of wanted.routes) {
      const owner = this.table.pathOwner(path, wanted.service);
      if (owner !== null)
        return refuse(registryErrors.ROUTE_TAKEN, { detail: `${path} belongs to ${owner}: choose another path` });
    }
    const { maxInstances, maxServices } = this.options.limits;
    if (known === undefined && this.table.instanceCount >= maxInstances)
      return refuse(registryErrors.FULL, { detail: `${maxInstances} instances (MAX_INSTANCES)` });
    if (this.table.service(wanted.service) === undefined && this.table.serviceCount >= maxServices)
      return refuse(registryErrors.FULL, { detail: `${maxServices} services (MAX_SERVICES)` });
    return this.table.hasRoomFor(wanted) ? null : refuse(registryErrors.FULL, { detail: 'The table is too large' });
  }

  private refusalToChange(service: string, caller: Caller): Refusal | null {
    return refusalToWrite(caller, service, this.live.state.declared[service] !== undefined, 'change');
  }

  /** Whether its deployment becomes live by being the first. While recovering, a deployment that was live is waited for. */
  private goesLive({ service, status }: Registration, state: LiveState): boolean {
    if (status !== 'UP' || state.declared[service] !== undefined) return false;
    const entry = state.live[service];
    if (entry === undefined) return true;
    if (entry.live === null || !this.recovery.isOver) return false;
    return this.table.service(service)?.hasInstances(entry.live) !== true;
  }

  private put(id: string, registration: Registration): boolean {
    const { isNew } = this.table.put(id, registration);
    this.leases.put(targetOf(id, registration), registration.leaseMs);
    this.restored.forget(id);
    this.recovery.arrived(id, registration);
    return isNew;
  }

  private restore(instance: NotedInstance, isThere: boolean): void {
    const { id, registration } = instance;
    const isWelcome =
      isThere &&
      this.table.instance(id) === undefined &&
      this.refusalToRegister(id, registration, { kind: 'operator', isLocal: true }, this.live.state) === null;
    if (!isWelcome) return this.recovery.gone(id);
    this.table.put(id, registration);
    this.leases.putAnswering(targetOf(id, registration), registration.leaseMs);
    this.recovery.arrived(id, registration);
    void this.follow(registration.service);
  }

  private evicted(id: string, reason: EvictionReason): void {
    this.options.onEvicted?.(reason);
    const instance = this.table.remove(id);
    if (instance !== undefined) void this.follow(instance.service);
  }

  /** Removes instances that have no place beside the new declarations: of names that change hands, and on routes that are now declared. */
  private makeRoom(before: LiveState['declared'], services: Declarations['services']): void {
    const paths = Object.values(services).flatMap(({ routes }) => routes.map(({ path }) => path));
    const isClaimed = (path: string): boolean =>
      paths.some((taken) => path === taken || (taken !== '/' && path.startsWith(`${taken}/`)));
    for (const service of this.table.allServices()) {
      const { name } = service;
      const changesHands = name in services !== name in before;
      if (!changesHands && (name in services || ![...service.paths()].some(isClaimed))) continue;
      for (const { id } of service.instances()) {
        this.options.log.warn({ instance: id, service: name }, 'removed: its name or route was declared otherwise');
        this.leases.drop(id);
        this.table.remove(id);
      }
    }
  }

  /** For a service that no yard file declares, what is live follows its instances. What cannot be saved now is tried again later. */
  private async follow(service: string): Promise<void> {
    if (!this.recovery.isOver || followed(this.live.state, this.table, service) === this.live.state) return;
    try {
      await this.live.change((state) => followed(state, this.table, service));
    } catch (error) {
      if (!(error instanceof RefusedRequest)) throw error;
      this.options.clock.after(SAVE_AGAIN_MS, () => void this.follow(service));
    }
  }

  private apply(state: LiveState): void {
    this.locks.apply(state);
    this.table.apply(state);
  }

  private recovered(how: 'complete' | 'timed out'): void {
    const { log } = this.options;
    if (how === 'complete') log.info({ instances: this.table.instanceCount }, 'recovered');
    else log.warn({ missing: this.recovery.missing }, 'recovered without some of the instances that were there');
    for (const service of this.table.allServices()) void this.follow(service.name);
    this.changed();
  }

  private changed(): void {
    this.streams.changed();
    if (this.recovery.isOver) this.options.onInstances();
    if (this.isReserving || this.table.revision < this.live.state.revisionCeiling - REVISION_BLOCK / 10) return;
    this.isReserving = true;
    this.live
      .change((state) => ({ ...state }))
      .catch((error: unknown) => this.options.log.error({ err: error }, 'could not reserve revisions'))
      .finally(() => {
        this.isReserving = false;
      });
  }
}

const targetOf = (id: string, { host, port, health }: Registration) => ({ id, host, port, health });
