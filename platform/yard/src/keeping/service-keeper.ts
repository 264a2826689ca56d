/** Keeps one service: the deployment that is live, and those that run beside it for a swap, a candidate or a standby. */
import type { Release } from '../releases/release.ts';
import type { InstanceRecord } from '../runtime/runtime.ts';
import type { Phase } from './instance-phase.ts';
import type { PartKeeper } from './part-keeper.ts';

/** Instances that outlived an earlier supervisor; none when only the release is known. */
export interface FoundDeployment {
  readonly release: Release;
  readonly records: readonly InstanceRecord[];
}

export class ServiceKeeper {
  readonly name: string;
  private readonly make: () => PartKeeper;
  private mainPart: PartKeeper;
  private readonly besideMain = new Map<string, PartKeeper>();

  /** `make`: a keeper of one deployment of this service, not started. */
  constructor(name: string, make: () => PartKeeper) {
    this.name = name;
    this.make = make;
    this.mainPart = make();
  }

  /** The deployment that is live, or is to be when it is well. */
  get main(): PartKeeper {
    return this.mainPart;
  }
  /** By deployment. */
  get beside(): ReadonlyMap<string, PartKeeper> {
    return this.besideMain;
  }
  /** What is said of the service is said of what is live. */
  get state(): Phase {
    return this.mainPart.state;
  }
  get release(): Release | null {
    return this.mainPart.release;
  }
  get fault(): string | null {
    return this.mainPart.fault;
  }
  get detail(): string {
    return this.mainPart.detail;
  }
  get hasBeenTried(): boolean {
    return this.mainPart.hasBeenTried;
  }

  /** Of all its deployments, the live one first. */
  instances() {
    return [this.mainPart, ...this.besideMain.values()].flatMap((part) => part.instances());
  }

  /** The keeper of a deployment that runs, or null. */
  find(deployment: string): PartKeeper | null {
    if (this.mainPart.release?.deployment === deployment) return this.mainPart;
    return this.besideMain.get(deployment) ?? null;
  }

  start(main: FoundDeployment | null = null, beside: readonly FoundDeployment[] = []): void {
    this.mainPart.start(main?.records, main?.release ?? null);
    for (const { release, records } of beside) this.startBeside(release, records);
  }

  /** Starts a deployment that gets no traffic by that. */
  startBeside(release: Release, found: readonly InstanceRecord[] = []): PartKeeper {
    const part = this.make();
    this.besideMain.set(release.deployment, part);
    part.start(found, release);
    return part;
  }

  /** The registry has made this deployment live: the one before stands by from now on. Without effect when it is the main one already. */
  exchange(deployment: string): void {
    const next = this.besideMain.get(deployment);
    if (next === undefined) return;
    const before = this.mainPart;
    this.besideMain.delete(deployment);
    this.mainPart = next;
    if (before.release === null) void before.close();
    else this.besideMain.set(before.release.deployment, before);
  }

  /** Stops a deployment that is not the main one, for good. */
  async retire(deployment: string, hasten = false): Promise<void> {
    const part = this.besideMain.get(deployment);
    if (part === undefined) return;
    await part.close(hasten);
    this.besideMain.delete(deployment);
  }

  restart(): Promise<void> {
    return this.mainPart.restart();
  }

  async stop(): Promise<void> {
    await Promise.all([this.mainPart, ...this.besideMain.values()].map((part) => part.stop()));
  }

  async close(hasten = false): Promise<void> {
    await Promise.all([this.mainPart, ...this.besideMain.values()].map((part) => part.close(hasten)));
  }
}
