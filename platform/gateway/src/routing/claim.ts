/** A request's hold on a deployment and an instance: counted before it is sent, given back when it has ended. */
import type { Deployment } from './deployment.ts';
import { IN_FLIGHT_MAX } from './instance.ts';
import type { Instance } from './instance.ts';
import type { Service } from './service.ts';

/** Not answered, and nobody's fault so far. */
const NOTHING = -1;

export class Claim {
  readonly service: Service;
  readonly deployment: Deployment;
  readonly instance: Instance;
  private isHeld = true;
  private hasFailed = false;
  private latencyMs = NOTHING;

  constructor(service: Service, deployment: Deployment, instance: Instance) {
    this.service = service;
    this.deployment = deployment;
    this.instance = instance;
    deployment.claimed();
    instance.inFlight += 1;
  }

  /** The head of an answer is there. */
  answered(status: number, latencyMs: number): void {
    this.latencyMs = latencyMs;
    this.hasFailed = status >= 500;
  }

  /** No answer came, or not the whole of it, and the deployment is to blame. `afterMs` counts while there was no head. */
  failed(afterMs: number): void {
    this.hasFailed = true;
    if (this.latencyMs === NOTHING) this.latencyMs = afterMs;
  }

  /**
   * Gives it back; again does nothing. What was neither answered nor failed says nothing of the deployment (its client went away),
   * and is no part of its traffic.
   */
  release(): void {
    if (!this.isHeld) return;
    this.isHeld = false;
    this.instance.inFlight -= 1;
    if (this.latencyMs !== NOTHING) this.deployment.count(this.hasFailed, this.latencyMs);
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
 * @param avoid an instance that has just failed this request
 * @param random 0 to 1
 */
export function claimInstance(
  service: Service,
  bucket: number,
  avoid: Instance | null,
  nowMs: number,
  random: () => number = Math.random,
): Claim | Unclaimed {
  const deployment = service.choose(bucket);
  if (deployment === null || deployment.up.length === 0) return 'no-instance';
  const instance = draw(deployment.up, avoid, nowMs, random);
  if (instance === null) return 'no-instance';
  if (instance.inFlight >= IN_FLIGHT_MAX) return 'overloaded';
  return new Claim(service, deployment, instance);
}

function draw(up: readonly Instance[], avoid: Instance | null, nowMs: number, random: () => number): Instance | null {
  if (up.length === 1) return up[0] === avoid ? null : up[0]!;
  const first = Math.floor(random() * up.length);
  let second = Math.floor(random() * (up.length - 1));
  if (second >= first) second += 1;
  const one = up[first]!;
  const other = up[second]!;
  if (one === avoid) return other;
  if (other === avoid) return one;
  return one.loadAt(nowMs) <= other.loadAt(nowMs) ? one : other;
}
