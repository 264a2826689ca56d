/** Keeps one deployment of a service, or one part of the platform, running: its release, and the places for its instances. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Side } from '@switchyard/contracts/registry';
import { entryFingerprint } from '../releases/release.ts';
import type { Release } from '../releases/release.ts';
import { freePort, isPortFree, portTakenSentence } from '../runtime/ports.ts';
import { StartFault } from '../runtime/runtime.ts';
import type { InstanceRecord, InstanceSpec, Runtime } from '../runtime/runtime.ts';
import type { Changes } from './changes.ts';
import type { Variables } from '../launching/command-line.ts';
import { releaseCommand } from '../launching/release-command.ts';
import { hostsToTry } from './health-check.ts';
import { InstanceKeeper } from './instance-keeper.ts';
import type { HealthPlan, Planned, WellInstance } from './instance-keeper.ts';
import { serviceState } from './instance-phase.ts';
import type { Phase } from './instance-phase.ts';
import type { BuildSource, Preparation } from '../launching/prepare-release.ts';
import type { Told } from '../status/yard-event.ts';

/** Who an instance is, as its environment is made for it. */
export interface InstanceIdentity {
  readonly id: string;
  readonly deployment: string;
  readonly ports: Readonly<Record<string, number>>;
}

export interface PartOptions {
  readonly source: BuildSource;
  readonly runtime: Runtime;
  readonly preparation: Preparation;
  readonly logs: string;
  readonly inherited: NodeJS.ProcessEnv;
  /** Variables for those who set them nowhere else. */
  readonly defaults: Variables;
  readonly changes: Changes;
  /** Address that its ports are looked at on before a start. */
  readonly host: string;
  /** Further facts for the record of an instance. */
  labels(release: Release): Readonly<Record<string, string>>;
  /** The variables that the yard gives. */
  given(identity: InstanceIdentity): Promise<Variables>;
  /** Resolves when everything it waits for is there; tells what it waits for. */
  untilMet(tell: (missing: string) => void, signal: AbortSignal): Promise<void>;
  /** Before the first instance of a deployment starts, once everything it waits for is there. */
  migrate(release: Release, signal: AbortSignal): Promise<void>;
  join(part: PartKeeper, release: Release, instance: WellInstance, leaving: AbortSignal): Promise<void>;
  leave(instance: WellInstance): Promise<void>;
  tell(event: Told): void;
  now(): number;
}

/** Why an instance ended or could not be started, with the last lines of its log. */
export interface Fault {
  readonly message: string;
  readonly lines: readonly string[];
}

/** Where a start has come to an end for now. */
const SETTLED: ReadonlySet<Phase> = new Set(['ready', 'pausing', 'stopped']);
const NEVER = new AbortController().signal;

const FAULTS_KEPT = 20;

interface Place {
  readonly number: number;
  readonly keeper: InstanceKeeper;
}

export class PartKeeper {
  readonly name: string;
  private readonly options: PartOptions;
  private places: Place[] = [];
  /** The release that has been live, or runs: every start is from it, whatever becomes of the sources. */
  private pinned: Release | null = null;
  /** A release that was not live yet: replaced when the sources change before it is. */
  private candidate: Release | null = null;
  private lastFault: string | null = null;
  private faultsSeen: Fault[] = [];
  private endedLately: string[] = [];
  private isFirstTryOver = false;
  private wasFoundWhole = false;
  private isClosed = false;
  private hasJoined = false;
  private turn: Promise<void> = Promise.resolve();

  constructor(options: PartOptions) {
    this.options = options;
    this.name = options.source.service;
  }

  get source(): BuildSource {
    return this.options.source;
  }
  get state(): Phase {
    return serviceState(this.places.map(({ keeper }) => keeper.phase));
  }
  get release(): Release | null {
    return this.pinned ?? this.candidate;
  }
  get fault(): string | null {
    return this.state === 'ready' ? null : this.lastFault;
  }
  /** Every time an instance of it ended by itself or could not be started, oldest first; at most the last 20. */
  get faults(): readonly Fault[] {
    return this.faultsSeen;
  }
  /** Whether an instance of this id was seen to end, a short while ago. */
  hasEnded(id: string): boolean {
    return this.endedLately.includes(id);
  }
  get detail(): string {
    return this.places.map(({ keeper }) => keeper.detail).find((detail) => detail !== '') ?? '';
  }
  /** Whether every instance of it had outlived an earlier supervisor when it was started. */
  get hasOutlived(): boolean {
    return this.wasFoundWhole;
  }
  /** Whether its first start has come to an end, good or bad. */
  get hasBeenTried(): boolean {
    return this.isFirstTryOver;
  }

  instances() {
    return this.places.flatMap(({ number, keeper }) => {
      const record = keeper.instance;
      if (record === null) return [];
      return [{ place: number, record, host: keeper.host, phase: keeper.phase, restarts: keeper.restarts }];
    });
  }

  /** Begins, with `release` or what the sources give. `found` are instances of it that outlived an earlier supervisor. */
  start(found: readonly InstanceRecord[] = [], release: Release | null = null): void {
    this.pinned = release;
    const count = (this.pinned ?? this.options.source).entry.instances;
    for (let number = 1; number <= count; number += 1) {
      const place = { number, keeper: new InstanceKeeper(this.portsOf(number)) };
      this.places.push(place);
      const record = found.find(({ labels }) => labels['place'] === String(number)) ?? null;
      this.wasFoundWhole = record !== null && (number === 1 || this.wasFoundWhole);
      place.keeper.start(record);
    }
  }

  /** Stops every instance at once. */
  async stop(hasten = false): Promise<void> {
    await Promise.all(this.places.map(({ keeper }) => keeper.stop(hasten)));
  }

  /** One instance after another, from the same release; one that could not be built or started is tried anew. */
  restart(): Promise<void> {
    const restarting = this.turn.then(async () => {
      this.options.preparation.forgive(this.name);
      this.lastFault = null;
      for (const { keeper } of this.places) {
        await keeper.stop();
        if (this.isClosed) return;
        keeper.start();
        await this.options.changes.until(() => SETTLED.has(keeper.phase), NEVER);
      }
    });
    this.turn = restarting.catch(() => undefined);
    return restarting;
  }

  /** Starts again from another release, of the same part at the same place. */
  replace(release: Release): Promise<void> {
    this.pinned = release;
    return this.restart();
  }

  /** What an instance of a release beside those that run is started from; none that a supervisor would go on with. */
  async specBeside(
    release: Release,
    ports: Readonly<Record<string, number>>,
    more: Variables = {},
  ): Promise<InstanceSpec> {
    const id = instanceId(release, 1);
    const given = await this.options.given({ id, deployment: release.deployment, ports });
    const spec = await this.specOf(1, release, { id, given: { ...given, ...more }, ports });
    return { ...spec, labels: { ...spec.labels, role: 'candidate' } };
  }

  /** Of a part with one place: goes on with an instance of another release, which is well already. The one before is let go of, and runs on. */
  exchange(record: InstanceRecord, release: Release): Promise<void> {
    const exchanging = this.turn.then(async () => {
      if (this.isClosed) throw new Error(`${this.name} is being stopped`);
      for (const { keeper } of this.places) keeper.letGo();
      this.pinned = release;
      const keeper = new InstanceKeeper(this.portsOf(1));
      this.places = [{ number: 1, keeper }];
      keeper.start(record);
      await this.options.changes.until(() => SETTLED.has(keeper.phase), NEVER);
    });
    this.turn = exchanging.catch(() => undefined);
    return exchanging;
  }

  /** Stops it for good: a restart under way starts nothing more. */
  close(hasten = false): Promise<void> {
    this.isClosed = true;
    return this.stop(hasten);
  }

  private portsOf(number: number) {
    const { options } = this;
    return {
      runtime: options.runtime,
      now: () => options.now(),
      plan: (tell: (signal: 'prepare' | 'wait', detail: string) => void, stopping: AbortSignal) =>
        this.plan(number, tell, stopping),
      planFound: () => Promise.resolve(this.healthPlan(this.pinned!)),
      join: async (instance: WellInstance, leaving: AbortSignal) => {
        const release = this.release!;
        await this.options.join(this, release, instance, leaving);
        this.pinned = release;
        this.hasJoined = true;
        this.options.changes.notify();
      },
      leave: (instance: WellInstance) => this.options.leave(instance),
      onPhase: (phase: Phase, detail: string, tookMs: number | null) => this.onPhase(phase, detail, tookMs),
      onFault: (message: string, lines: readonly string[]) => this.onFault(message, lines),
      onEnded: (id: string) => {
        this.endedLately = [...this.endedLately, id].slice(-FAULTS_KEPT);
        this.options.changes.notify();
      },
    };
  }

  private async plan(
    number: number,
    tell: (signal: 'prepare' | 'wait', detail: string) => void,
    stopping: AbortSignal,
  ): Promise<Planned> {
    const release = await this.chooseRelease(number, tell, stopping);
    // Once it has been ready, it comes back whatever has become of the others: when one fails, the rest goes on.
    if (!this.hasJoined) await this.options.untilMet((missing) => tell('wait', `for ${missing}`), stopping);
    if (!this.hasJoined && number === 1) {
      if (release.entry.migrate !== undefined) tell('prepare', `migrating: ${release.entry.migrate}`);
      await this.options.migrate(release, stopping);
    }
    const id = instanceId(release, number);
    const ports = await this.choosePorts(number, release);
    const given = await this.options.given({ id, deployment: release.deployment, ports });
    return { spec: await this.specOf(number, release, { id, given, ports }), check: this.healthPlan(release) };
  }

  /** The first place decides; the others follow it, so that one service never runs two releases. */
  private async chooseRelease(
    number: number,
    tell: (signal: 'prepare' | 'wait', detail: string) => void,
    stopping: AbortSignal,
  ): Promise<Release> {
    if (this.pinned !== null) return this.pinned;
    if (number === 1) {
      tell('prepare', 'looking at its sources');
      this.candidate = await this.options.preparation.prepare(
        this.options.source,
        (detail) => tell('prepare', detail),
        stopping,
      );
      return this.candidate;
    }
    tell('wait', 'for its first instance');
    await this.options.changes.until(() => this.pinned !== null, stopping);
    return this.pinned!;
  }

  private async choosePorts(number: number, release: Release): Promise<Record<string, number>> {
    const { host } = this.options;
    const own = release.entry.ports[release.side === 'blue' ? 0 : 1];
    if (number === 1 && !(await isPortFree(own, host))) throw new StartFault(portTakenSentence(own));
    const taken = new Set(release.entry.ports);
    const http = number === 1 ? own : await freePort(taken, host);
    return { http, tcp: await freePort(new Set([...taken, http])) };
  }

  private async specOf(
    number: number,
    release: Release,
    instance: { readonly id: string; readonly given: Variables; readonly ports: Readonly<Record<string, number>> },
  ): Promise<InstanceSpec> {
    const { source, inherited, logs } = this.options;
    const { argv, env } = await releaseCommand({
      release,
      command: release.entry.run,
      given: instance.given,
      inherited,
      defaults: this.options.defaults,
      root: source.within,
    });
    return {
      id: instance.id,
      service: this.name,
      deployment: release.deployment,
      argv,
      cwd: release.cwd,
      env,
      ports: instance.ports,
      logFile: join(logs, this.name, `${release.deployment}.${number}.log`),
      labels: {
        role: 'instance',
        place: String(number),
        side: release.side,
        entry: entryFingerprint(release.entry),
        ...this.options.labels(release),
      },
    };
  }

  private healthPlan(release: Release): HealthPlan {
    const { health, startTimeoutMs, stopGraceMs, env } = release.entry;
    return { hosts: hostsToTry(env['HOST'] ?? this.options.host), health, startTimeoutMs, stopGraceMs };
  }

  private onPhase(phase: Phase, detail: string, tookMs: number | null): void {
    if (phase === 'ready' || phase === 'stopped') this.isFirstTryOver = true;
    if (phase === 'ready') this.lastFault = null;
    this.options.tell({ kind: 'phase', part: this.name, phase, detail, tookMs });
  }

  private onFault(message: string, lines: readonly string[]): void {
    const isRepeated = this.lastFault === message;
    this.lastFault = message;
    this.faultsSeen = [...this.faultsSeen, { message, lines }].slice(-FAULTS_KEPT);
    this.isFirstTryOver = true;
    this.options.tell({ kind: 'fault', part: this.name, message, lines: [...lines], isRepeated });
  }
}

const instanceId = ({ deployment }: Release, place: number): string =>
  `${deployment}.${place}.${randomBytes(6).toString('hex')}`;

/** The side of a release, for the registry. */
export const sideOf = (record: InstanceRecord): Side => (record.labels['side'] === 'green' ? 'green' : 'blue');
