/** A request's hold on a deployment and an instance: counted before it is sent, given back when it has ended. */
import type { Deployment } from './deployment.ts';
import type { EjectionSignal } from './ejection.ts';
import type { Instance } from './instance.ts';
import { FAILURE_COUNTS_AS_MS } from './latency.ts';
import type { Service } from './service.ts';

/** Not answered, and nobody's fault so far. */
const NOTHING = -1;

export class Claim {
  readonly service: Service;
  readonly deployment: Deployment;
  readonly instance: Instance;
  /** It tries an instance that was ejected. */
  private readonly isTrial: boolean;
  private isHeld = true;
  private isHeldUp = false;
  private isStream = false;
  private hasFailed = false;
  private latencyMs = NOTHING;

  constructor(service: Service, deployment: Deployment, instance: Instance, isTrial = false) {
    this.service = service;
    this.deployment = deployment;
    this.instance = instance;
    this.isTrial = isTrial;
    deployment.claimed();
    instance.inFlight += 1;
  }

  /** From now on it is an event stream or a WebSocket. */
  becomeStream(): void {
    if (this.isStream || !this.isHeld) return;
    this.heldByClient(false);
    this.isStream = true;
    this.instance.streams += 1;
  }

  /** Whether it is the client that the rest waits for, until told otherwise. */
  heldByClient(isHeldUp: boolean): void {
    if (this.isHeldUp === isHeldUp || this.isStream) return;
    this.isHeldUp = isHeldUp;
    this.instance.heldByClients += isHeldUp ? 1 : -1;
  }

  /** The head of an answer is there. */
  answered(status: number, latencyMs: number, nowMs = this.deployment.nowMs()): void {
    this.latencyMs = latencyMs;
    const isFailure = status >= 502 && status <= 504;
    this.instance.latency.observe(isFailure ? FAILURE_COUNTS_AS_MS : latencyMs, nowMs);
    this.hasFailed = status >= 500;
    this.tell(isFailure ? 'failure' : 'success');
  }

  /** No answer came, or not the whole of it, and the deployment is to blame. `afterMs` counts while there was no head. */
  failed(afterMs: number, nowMs = this.deployment.nowMs()): void {
    this.hasFailed = true;
    this.instance.latency.observe(FAILURE_COUNTS_AS_MS, nowMs);
    if (this.latencyMs === NOTHING) this.latencyMs = afterMs;
    this.tell('failure');
  }

  /** The instance could not be connected to: besides `failed`. */
  refused(): void {
    this.tell('refused');
  }

  /** While an instance is ejected, only what tries it says something new. */
  private tell(signal: EjectionSignal): void {
    if (this.isTrial || !this.instance.ejection.isEjected) this.deployment.tell(this.instance, signal);
  }

  /**
   * Gives it back; again does nothing. What was neither answered nor failed says nothing of the deployment (its client went away),
   * and is no part of its traffic.
   */
  release(): void {
    if (!this.isHeld) return;
    this.isHeld = false;
    this.heldByClient(false);
    if (this.isStream) this.instance.streams -= 1;
    this.instance.inFlight -= 1;
    if (this.latencyMs !== NOTHING) this.deployment.count(this.hasFailed, this.latencyMs);
    else if (this.isTrial) this.tell('withdrawn');
    this.deployment.released();
  }
}

/** Why there is nothing to claim. */
export type Unclaimed = 'no-instance' | 'overloaded';

/**
 * Power of two choices: of two instances drawn at random, the one with less to do. Synchronous from the choice of the
 * deployment to the count, so that a deployment which an acknowledgement calls free of requests gets none afterwards.
 *
 * @param bucket 0 to 99, LIVE_BUCKET or PREVIEW_BUCKET; matters while there is a split
 * @param avoid an instance that has just failed this request, which then tries no ejected one either
 * @param isRepeatable whether it may be sent again if it fails: such a request tries an instance that was ejected rather than others
 * @param random 0 to 1
 */
export function claimInstance(
  service: Service,
  bucket: number,
  avoid: Instance | null,
  nowMs: number,
  isRepeatable = true,
  random: () => number = Math.random,
): Claim | Unclaimed {
  const deployment = service.choose(bucket);
  if (deployment === null) return 'no-instance';
  if (avoid === null) {
    const ejected = deployment.nextTrial(nowMs, isRepeatable);
    if (ejected !== null) return new Claim(service, deployment, ejected, true);
  }
  const instance = draw(deployment.rotation, avoid, nowMs, random);
  if (instance === null) return 'no-instance';
  if (instance.isFull(deployment.inFlightMax)) return 'overloaded';
  return new Claim(service, deployment, instance);
}

function draw(
  rotation: readonly Instance[],
  avoid: Instance | null,
  nowMs: number,
  random: () => number,
): Instance | null {
  const count = rotation.length;
  if (count === 0) return null;
  const first = count === 1 ? 0 : Math.floor(random() * count);
  const one = rotation[first]!;
  if (count === 1) return one === avoid ? null : one;
  let second = Math.floor(random() * (count - 1));
  if (second >= first) second += 1;
  const other = rotation[second]!;
  if (one === avoid) return other;
  if (other === avoid) return one;
  return one.isBetterThan(other, nowMs) ? one : other;
}
