/** The supervisor of a yard: brings up everything that the yard file says, keeps it up, takes it down, and takes over what outlived another. */
import { setTimeout as pause } from 'node:timers/promises';
import type { DeclarationsInput } from '@switchyard/contracts/registry';
import { CommandFailed } from '../command.ts';
import type { Release } from '../releases/release.ts';
import type { InstanceRecord } from '../runtime/runtime.ts';
import { Changes } from '../keeping/changes.ts';
import type { WellInstance } from '../keeping/instance-keeper.ts';
import { prune, rotateUntil } from './housekeeping.ts';
import type { OpenYard } from './open-yard.ts';
import type { PartKeeper } from '../keeping/part-keeper.ts';
import { PostgresKeeper } from '../keeping/postgres-keeper.ts';
import type { ServiceKeeper } from '../keeping/service-keeper.ts';
import { Registrar } from '../keeping/registrar.ts';
import type { Standing } from '../keeping/registrar.ts';
import { Hooks } from '../launching/hooks.ts';
import { declarationsOf, gatewayUrl, givenToService, publicUrl, registryUrl } from '../launching/service-parts.ts';
import { stopOrder } from './stop-order.ts';
import { lookAtSurvivors } from './survivors.ts';
import type { Told, YardEvent } from '../status/yard-event.ts';
import { PlatformSwaps } from '../platform-swap/platform-swaps.ts';
import { Swaps } from '../swap/swaps.ts';
import { platformSurroundings, swapSurroundings } from './swap-surroundings.ts';
import { yardParts } from './yard-parts.ts';

const READY_POLL_MS = 50;
const NOTES_KEPT = 50;
const RELEARN_TIMEOUT_MS = 20_000;
const STRAY_GRACE_MS = 5_000;

export interface SupervisorOptions {
  readonly open: OpenYard;
  readonly inherited: NodeJS.ProcessEnv;
  /** Milliseconds that only go forwards. */
  readonly now: () => number;
  readonly date: () => Date;
}

export class Supervisor {
  readonly open: OpenYard;
  readonly startedAt: Date;
  readonly changes = new Changes();
  readonly registrar: Registrar;
  readonly registry: PartKeeper;
  readonly gateway: PartKeeper;
  readonly services: ReadonlyMap<string, ServiceKeeper>;
  readonly swaps: Swaps;
  readonly platformSwaps: PlatformSwaps;
  readonly hooks: Hooks;
  /** Null when no service asks for a database. */
  readonly postgres: PostgresKeeper | null;
  /** What the registry is to know of the services: as the yard file said at the start, or at the last swap. */
  declarations: DeclarationsInput;
  private readonly options: SupervisorOptions;
  private readonly beganMs: number;
  private readonly listeners = new Set<(event: YardEvent) => void>();
  private readonly ending = new AbortController();
  private stopping: Promise<void> | null = null;
  private isReadyNow = false;
  private notes: readonly YardEvent[] = [];
  private isHastened = false;

  constructor(options: SupervisorOptions) {
    this.options = options;
    this.open = options.open;
    this.startedAt = options.date();
    this.beganMs = options.now();
    const { open } = this;
    this.registrar = new Registrar({
      url: registryUrl(open.yard),
      token: open.operatorToken,
      note: (message) => this.tell({ kind: 'note', part: 'registry', message }),
    });
    const databases = Object.values(open.yard.services).flatMap(({ postgres }) => postgres ?? []);
    this.postgres =
      databases.length === 0
        ? null
        : new PostgresKeeper({
            folder: open.folder,
            yardId: open.id,
            databases: [...new Set(databases)],
            externalUrl: options.inherited['YARD_POSTGRES_URL'] || undefined,
            tell: (event) => this.tell(event),
            now: options.now,
          });
    this.declarations = declarationsOf(open.yard, Object.keys(open.yard.services));
    const parts = yardParts(this, options);
    this.registry = parts.registry;
    this.gateway = parts.gateway;
    this.services = parts.services;
    this.hooks = new Hooks({
      runtime: open.runtime,
      logs: open.folder.logs,
      inherited: options.inherited,
      root: open.folder.root,
      given: (service, identity) =>
        givenToService(
          { yard: open.yard, folder: open.folder, keys: open.keys, now: options.date },
          { ...identity, service },
          this.addressesOf(service),
        ),
    });
    const swapping = swapSurroundings(this, parts.preparation, options);
    this.swaps = new Swaps(swapping);
    this.platformSwaps = new PlatformSwaps(platformSurroundings(this, swapping));
  }

  /** All of them, in the order of their start. */
  get parts(): readonly (PartKeeper | ServiceKeeper)[] {
    return [this.registry, this.gateway, ...this.services.values()];
  }

  /** Everything was ready at one moment since the start. */
  get hasBeenReady(): boolean {
    return this.isReadyNow;
  }

  /** What was noted before everything was ready: whoever begins to follow has not heard it. */
  get notesOfStart(): readonly YardEvent[] {
    return this.notes;
  }

  /** Calls `listener` with every event from now on; the answer ends that. */
  onEvent(listener: (event: YardEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Begins; resolves once everything has been begun, not once it is ready. */
  async start(): Promise<void> {
    const { state, log, folder } = this.open;
    log.write('info', 'supervisor started', { pid: process.pid });
    if (state.fault !== null) this.tell({ kind: 'note', part: 'yard', message: state.fault });
    const unfinished = await this.swaps.open();
    const { adopted, strays } = await lookAtSurvivors(this, unfinished);
    this.postgres?.start();
    await Promise.all(strays.map((stray) => this.removeStray(stray, adopted.has(stray.service))));
    for (const part of [this.registry, this.gateway]) {
      const main = adopted.get(part.name)?.main;
      part.start(main?.records, main?.release ?? null);
    }
    if (state.fault !== null) await this.relearn();
    for (const service of this.services.values()) {
      const found = adopted.get(service.name);
      service.start(found?.main ?? null, found?.beside);
    }
    this.swaps.resume(unfinished);
    void rotateUntil(folder.logs, this.ending.signal);
    void this.announce();
  }

  /** The yard's own state is lost, or older than it should be: the registry remembers what was live. */
  private async relearn(): Promise<void> {
    const { state, releases } = this.open;
    const signal = AbortSignal.any([this.ending.signal, AbortSignal.timeout(RELEARN_TIMEOUT_MS)]);
    const decisions = await this.registrar.decided(signal).catch(() => null);
    for (const name of this.services.keys()) {
      const live = decisions?.services[name]?.live ?? null;
      const release = live === null ? null : await releases.find(live);
      if (release !== null && state.of(name).live !== live)
        await state.setLive(name, release.deployment, { standby: null, side: release.side });
    }
  }

  /** Resolves when everything is ready, or what is not has failed its first start. Answers the names of the failed. */
  async settled(signal: AbortSignal): Promise<readonly string[]> {
    const either = AbortSignal.any([signal, this.ending.signal]);
    await this.changes.until(() => this.isReadyNow || this.failed() !== null, either);
    return this.isReadyNow ? [] : (this.failed() ?? []);
  }

  /** One service, or the registry or the gateway. Resolves when it is ready, or has failed. */
  async restart(name: string): Promise<void> {
    const part = this.idlePart(name);
    await part.restart();
    if (part.state !== 'ready') throw new CommandFailed(`${name} is not ready: ${part.fault ?? part.detail}`);
  }

  async stopOne(name: string): Promise<void> {
    await this.idlePart(name).stop();
  }

  /** Stops everything, those first that need others; called again with `hasten`, nothing is waited for. Leaves nothing running. */
  stop(hasten = false): Promise<void> {
    if (hasten && this.stopping !== null) this.hasten();
    this.stopping ??= this.stopAll(hasten);
    return this.stopping;
  }

  tell(told: Told): void {
    const event: YardEvent = { ...told, atMs: Math.round(this.options.now() - this.beganMs) };
    if (event.kind === 'fault') this.open.log.write('error', event.message, { part: event.part, lines: event.lines });
    else if (event.kind === 'phase')
      this.open.log.write('info', event.phase, { part: event.part, detail: event.detail });
    else if (event.kind === 'swap' && event.detail === '')
      this.open.log.write('info', `swap ${event.stage}`, { swap: event.id, services: event.services });
    else if (event.kind === 'note') this.open.log.write('warn', event.message, { part: event.part });
    if (event.kind === 'note' && !this.isReadyNow) this.notes = [...this.notes, event].slice(-NOTES_KEPT);
    for (const listener of this.listeners) listener(event);
    if (event.kind === 'phase' && event.part === 'postgres' && event.phase === 'ready') this.followPostgres();
    this.changes.notify();
  }

  /** What happens beside what is live goes to the log alone: whoever swaps is told by the swap. */
  note(told: Told): void {
    if (told.kind === 'fault') this.open.log.write('warn', told.message, { part: told.part, lines: told.lines });
    else if (told.kind === 'phase')
      this.open.log.write('info', `beside: ${told.phase}`, { part: told.part, detail: told.detail });
    this.changes.notify();
  }

  /** Where a service finds its database and the broker. */
  addressesOf(name: string): { readonly databaseUrl: string | undefined; readonly brokerUrl: string | undefined } {
    const { postgres } = this.open.yard.services[name]!;
    return {
      databaseUrl: postgres === undefined ? undefined : this.postgres!.addressOf(postgres),
      brokerUrl: this.options.inherited['BROKER_URL'],
    };
  }

  /** Of a service: registered and, if it is the one that is to be live, live, and remembered as such. */
  async join(part: PartKeeper, release: Release, instance: WellInstance, leaving: AbortSignal): Promise<void> {
    const { record, host, echoes } = instance;
    const service = this.services.get(record.service)!;
    // What is live during a swap, the swap alone decides.
    const standing = (): Standing =>
      service.main !== part ? 'beside' : this.swaps.isBusy(service.name) ? 'undecided' : 'live';
    await this.registrar.join(
      {
        id: record.id,
        service: record.service,
        deployment: record.deployment,
        side: release.side,
        host,
        port: record.ports['http']!,
        tcpPort: null,
        health: release.entry.health,
        echoes,
      },
      standing,
      leaving,
    );
    const { live, side } = this.open.state.of(record.service);
    if (standing() !== 'live' || (live === record.deployment && side === release.side)) return;
    await this.open.state
      .setLive(record.service, record.deployment, { standby: null, side: release.side })
      .catch((error: Error) =>
        this.tell({ kind: 'note', part: record.service, message: `its state could not be written: ${error.message}` }),
      );
    // Nothing of the deployment before is left: what only that one needed may go.
    if (live !== record.deployment) void this.contract(release);
  }

  /** Before a deployment that was not live yet starts. */
  async migrate(release: Release, signal: AbortSignal): Promise<void> {
    if (this.open.state.of(release.service).live === release.deployment) return;
    await this.hooks.run(release, 'migrate', signal);
  }

  private async contract(release: Release): Promise<void> {
    await this.hooks.run(release, 'contract', this.ending.signal).catch((error: Error) => {
      if (!this.ending.signal.aborted) this.tell({ kind: 'note', part: release.service, message: error.message });
    });
  }

  private async removeStray(record: InstanceRecord, isReplaced: boolean): Promise<void> {
    this.tell({ kind: 'note', part: record.service, message: `${record.id} was left over; stopping it` });
    // Another one has its door: it takes its time, and nobody waits for it.
    if (isReplaced && record.service === this.gateway.name) return void this.platformSwaps.depart(record);
    await this.open.runtime
      .stop(record.id, { graceMs: STRAY_GRACE_MS })
      .catch((error: Error) => this.tell({ kind: 'note', part: record.service, message: error.message }));
  }

  /** Null while there is hope; else who has failed its first start, once everybody else has come to rest. */
  private failed(): string[] | null {
    const failing = this.parts.filter((part) => part.hasBeenTried && part.state !== 'ready').map((part) => part.name);
    const { postgres } = this;
    if (postgres !== null && postgres.hasBeenTried && postgres.phase !== 'ready') failing.unshift('postgres');
    if (failing.length === 0) return null;
    const isAtRest = this.parts.every(
      (part) => part.state === 'ready' || failing.includes(part.name) || this.isBlocked(part.name, failing),
    );
    return isAtRest ? failing : null;
  }

  /** Whether it waits, directly or not, for something that has failed. */
  private isBlocked(name: string, failing: readonly string[], seen: readonly string[] = []): boolean {
    if (name === this.registry.name || seen.includes(name)) return false;
    const { needs = [], postgres } = this.open.yard.services[name] ?? {};
    const waitsFor = [this.registry.name, ...needs, ...(postgres === undefined ? [] : ['postgres'])];
    return waitsFor.some((other) => failing.includes(other) || this.isBlocked(other, failing, [...seen, name]));
  }

  /** The part of that name, unless a swap of it goes on. */
  private idlePart(name: string): PartKeeper | ServiceKeeper {
    const part = this.parts.find((candidate) => candidate.name === name);
    this.swaps.refuseIfBusy(name);
    this.platformSwaps.refuseIfBusy(name);
    if (part !== undefined) return part;
    const names = this.parts.map((candidate) => candidate.name);
    throw new CommandFailed(`there is no service ${JSON.stringify(name)}`, { hint: `there are ${names.join(', ')}` });
  }

  /** Instances that were given another place of the database server start again, with the place it has now. */
  private followPostgres(): void {
    const place = this.postgres!.place;
    for (const part of this.services.values()) {
      const given = part.main.instances().map(({ record }) => record.labels['postgres']);
      if (given.some((label) => label !== undefined && label !== place)) {
        this.tell({ kind: 'note', part: part.name, message: 'starting again: its database has moved' });
        void part.restart();
      }
    }
  }

  private async announce(): Promise<void> {
    const { signal } = this.ending;
    try {
      await this.changes.until(() => this.parts.every((part) => part.state === 'ready'), signal);
      const url = gatewayUrl(this.open.yard);
      while (!(await answers200(`${url}/-/ready`))) await pause(READY_POLL_MS, undefined, { signal });
      this.isReadyNow = true;
      this.tell({
        kind: 'ready',
        url: publicUrl(this.open.yard),
        tookMs: Math.round(this.options.now() - this.beganMs),
      });
      await this.prune();
    } catch (error) {
      if (!signal.aborted) this.tell({ kind: 'note', part: 'yard', message: (error as Error).message });
    }
  }

  /** Removes releases that nobody may want again. */
  async prune(): Promise<void> {
    const running = this.parts.flatMap(({ release }) => release?.deployment ?? []);
    const beside = [...this.services.values()].flatMap((service) => [...service.beside.keys()]);
    await prune(this.open, [...running, ...beside]);
  }

  private async stopAll(hasten: boolean): Promise<void> {
    this.ending.abort(new Error('the yard is being stopped'));
    this.isHastened = hasten;
    await Promise.all([this.swaps.leave(), this.platformSwaps.leave(hasten)]);
    // The door first, so that nobody meets a service that has gone; it answers what it has begun.
    await this.close(this.gateway);
    const needs = Object.fromEntries(Object.entries(this.open.yard.services).map(([name, { needs }]) => [name, needs]));
    for (const group of stopOrder(needs)) await Promise.all(group.map((name) => this.close(this.services.get(name)!)));
    this.registrar.close();
    await this.close(this.registry);
    await this.postgres?.stop(this.isHastened);
    this.open.log.write('info', 'supervisor stopped');
  }

  private close(part: PartKeeper | ServiceKeeper): Promise<void> {
    return part.close(this.isHastened);
  }

  private hasten(): void {
    this.isHastened = true;
    void this.platformSwaps.leave(true);
    for (const part of this.parts) void part.close(true);
    void this.postgres?.stop(true);
  }
}

async function answers200(url: string): Promise<boolean> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(2_000), redirect: 'manual' });
    await answer.body?.cancel();
    return answer.status === 200;
  } catch {
    return false;
  }
}
