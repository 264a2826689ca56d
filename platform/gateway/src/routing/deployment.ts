/** One deployment as the gateway routes to it: its instances, what is under way there, and what has come of what was sent. */
import { DEFAULT_SETTINGS } from '@switchyard/contracts/gateway-settings';
import type { GatewaySettings } from '@switchyard/contracts/gateway-settings';
import type { Traffic } from '@switchyard/contracts/registry';
import { Breaker } from './breaker.ts';
import type { EjectionSignal } from './ejection.ts';
import type { Instance } from './instance.ts';

/** What one worker has found out the hard way, and the others need not: a breaker that opened, or an instance that was ejected. */
export interface Trouble {
  readonly service: string;
  readonly deployment: string;
  /** Null: the deployment as a whole. */
  readonly instance: string | null;
}

export interface DeploymentSurroundings {
  readonly settings: Pick<GatewaySettings, 'inFlight' | 'breaker' | 'ejection' | 'retries'>;
  readonly nowMs: () => number;
  /** 0 to 1. */
  readonly random: () => number;
  /** Tells the other workers of it. */
  readonly tellOthers?: (trouble: Trouble) => void;
}

/** How long an instance to be tried waits for a request that may be repeated elsewhere. */
const REPEATABLE_FIRST_MS = 1_000;

const USUAL: DeploymentSurroundings = {
  settings: DEFAULT_SETTINGS,
  nowMs: () => performance.now(),
  random: () => Math.random(),
};

export class Deployment {
  readonly id: string;
  readonly service: string;
  readonly breaker: Breaker;
  /** Live, or in a split: it gets requests and keeps its streams. */
  isServing = false;
  /** Percent of the service's requests, by the table. */
  share = 0;
  /** Requests claimed on it and not yet ended, streams included. */
  inFlight = 0;
  /** The three figures of its traffic, see `Traffic`. */
  requests = 0;
  failed = 0;
  latencyMs = 0;
  readonly instances = new Map<string, Instance>();
  /** Those of `instances` that are UP. */
  up: readonly Instance[] = [];
  /** Those of `up` that are not ejected: what is chosen from. The same array as `up` while none is; never empty while `up` is not. */
  rotation: readonly Instance[] = [];
  /** From when on one of the ejected may be tried; Infinity: none. */
  private trialAtMs = Infinity;
  private readonly around: DeploymentSurroundings;
  private readonly drained: () => void;

  /** `drained`: it serves no more, and the last of what was claimed on it has ended. */
  constructor(id: string, service: string, drained: () => void, around: DeploymentSurroundings = USUAL) {
    this.id = id;
    this.service = service;
    this.around = around;
    this.breaker = new Breaker(
      around.settings.breaker,
      () => !this.rotation.some(({ ejection }) => ejection.isTrusted),
      () => this.tellOthers(null),
    );
    this.drained = drained;
  }

  nowMs(): number {
    return this.around.nowMs();
  }

  /** Requests that one instance gets at a time. */
  get inFlightMax(): number {
    return this.around.settings.inFlight.perInstance;
  }

  /** Whether no instance has room for one more. */
  get isFull(): boolean {
    if (this.rotation.length === 0 || this.inFlight < this.inFlightMax * this.rotation.length) return false;
    return this.rotation.every((instance) => instance.isFull(this.inFlightMax));
  }

  /** What is UP now; who was ejected stays so. */
  take(up: readonly Instance[]): void {
    this.up = up;
    this.rotate();
  }

  /**
   * An ejected instance whose pause is over and that waits for a request to try it with; null: none. It counts as being tried.
   *
   * @param isRepeatable whether the request is none the worse for failing there; others are taken if none such comes for a while
   */
  nextTrial(nowMs: number, isRepeatable: boolean): Instance | null {
    const dueMs = isRepeatable ? nowMs : nowMs - REPEATABLE_FIRST_MS;
    if (dueMs < this.trialAtMs) return null;
    const instance = this.up.find(({ ejection }) => dueMs >= ejection.trialAtMs) ?? null;
    if (instance !== null) {
      this.signal(instance, 'pauseOver');
      this.signal(instance, 'tried');
    }
    this.rotate();
    return instance;
  }

  /** How a request at an instance ended, or what else is known of it. */
  tell(instance: Instance, signal: EjectionSignal): void {
    if (signal === 'success' && instance.ejection.isTrusted) return;
    const wasEjected = instance.ejection.isEjected;
    this.signal(instance, signal);
    const { isEjected } = instance.ejection;
    if (!wasEjected && !isEjected) return;
    // What it took before it was ejected, or while it failed, would keep it from its share long after it is back.
    if (!isEjected) instance.latency.forget();
    this.rotate();
    if (!wasEjected && instance.ejection.isEjected) this.tellOthers(instance.id);
  }

  /** Another worker has opened its breaker, or ejected that instance. Each finds out by itself when it is well again. */
  hear(instanceId: string | null): void {
    if (instanceId === null) return this.breaker.hear(this.nowMs());
    const instance = this.instances.get(instanceId);
    if (instance === undefined) return;
    this.signal(instance, 'heard');
    this.rotate();
  }

  private tellOthers(instance: string | null): void {
    this.around.tellOthers?.({ service: this.service, deployment: this.id, instance });
  }

  private signal(instance: Instance, signal: EjectionSignal): void {
    const { settings, nowMs, random } = this.around;
    instance.ejection.signal(signal, { settings: settings.ejection, nowMs: nowMs(), random });
  }

  /**
   * Never without anybody: when the last one would go, all come back, for then it is not an instance that fails but the deployment,
   * and that is for the breaker to judge. Whoever of them answers first is found at once, instead of after the pauses of the others.
   */
  private rotate(): void {
    const isIn = ({ ejection }: Instance): boolean => !ejection.isEjected;
    if (!this.up.some(isIn))
      for (const instance of this.up) {
        this.signal(instance, 'nobodyLeft');
        instance.latency.forget();
      }
    this.rotation = this.up.every(isIn) ? this.up : this.up.filter(isIn);
    this.trialAtMs = Infinity;
    for (const { ejection } of this.up) this.trialAtMs = Math.min(this.trialAtMs, ejection.trialAtMs);
  }

  get isDraining(): boolean {
    return !this.isServing && this.inFlight > 0;
  }

  get traffic(): Traffic {
    return { requests: this.requests, failed: this.failed, latencyMs: Math.round(this.latencyMs) };
  }

  claimed(): void {
    this.inFlight += 1;
  }

  released(): void {
    this.inFlight -= 1;
    if (this.inFlight === 0 && !this.isServing) this.drained();
  }

  /** A request has ended; `latencyMs` is the time to the head of its answer, or to its failure. */
  count(hasFailed: boolean, latencyMs: number): void {
    this.requests += 1;
    if (hasFailed) this.failed += 1;
    this.latencyMs += latencyMs;
  }
}
