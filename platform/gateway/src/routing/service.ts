/** One service as the gateway routes to it: its deployments, and which of them gets a request. */
import type { ServiceEntry } from '@switchyard/contracts/registry';
import type { OpenStreams } from '../upstream/open-streams.ts';
import { Deployment } from './deployment.ts';
import type { DeploymentSurroundings } from './deployment.ts';
import { Instance } from './instance.ts';
import { RetryBudget } from './retry-budget.ts';
import { LIVE_BUCKET, Split } from './split.ts';
import { refusedAddress } from './upstream-address.ts';
import type { OwnAddress } from './upstream-address.ts';

export interface ServiceSurroundings extends DeploymentSurroundings {
  readonly streams: OpenStreams;
  readonly own: readonly OwnAddress[];
  readonly warn: (facts: Record<string, unknown>, message: string) => void;
  /** The last request on a deployment that serves no more has ended. */
  readonly drained: () => void;
}

export class Service {
  readonly name: string;
  readonly deployments = new Map<string, Deployment>();
  /** Gets all requests, unless there is a split. */
  live: Deployment | null = null;
  /** Got them before, and is kept hot. */
  standby: Deployment | null = null;
  /** While a canary or a preview runs. */
  split: Split | null = null;
  /** Of second attempts, whatever they are for. */
  readonly retryBudget: RetryBudget;
  private readonly around: ServiceSurroundings;

  constructor(name: string, around: ServiceSurroundings) {
    this.name = name;
    this.around = around;
    this.retryBudget = new RetryBudget(around.settings.retries.budgetRatio);
  }

  /** Takes over what the table says; synchronous, so that no request sees half of it. */
  take(entry: ServiceEntry): void {
    for (const [id, deployment] of this.deployments) if (entry.deployments[id] === undefined) this.drop(deployment);
    for (const [id, told] of Object.entries(entry.deployments)) {
      let deployment = this.deployments.get(id);
      if (deployment === undefined)
        this.deployments.set(id, (deployment = new Deployment(id, this.name, this.around.drained, this.around)));
      const hasNew = this.takeInstances(deployment, told.instances);
      const isServing = id === entry.live || entry.split?.[id] !== undefined;
      if (hasNew || (isServing && !deployment.isServing)) deployment.breaker.renew(this.around.nowMs());
      deployment.isServing = isServing;
      deployment.share = entry.split?.[id] ?? (id === entry.live ? 100 : 0);
      if (!isServing) this.around.streams.endOfDeployment(deployment);
    }
    this.live = this.named(entry.live);
    this.standby = this.named(entry.standby);
    this.split = entry.split === null ? null : new Split(entry.split, this.live, this.deployments);
  }

  /** The service left the table. */
  leave(): void {
    for (const deployment of this.deployments.values()) this.drop(deployment);
    this.live = this.standby = this.split = null;
  }

  /** Which deployment gets a request of this bucket: 0 to 99, LIVE_BUCKET or PREVIEW_BUCKET. */
  choose(bucket: number): Deployment | null {
    return this.split === null || bucket === LIVE_BUCKET ? this.live : (this.split.choose(bucket) ?? this.live);
  }

  private named(id: string | null): Deployment | null {
    return id === null ? null : (this.deployments.get(id) ?? null);
  }

  /** Whether there is an instance that was not there before. */
  private takeInstances(deployment: Deployment, told: ServiceEntry['deployments'][string]['instances']): boolean {
    const gone = new Map(deployment.instances);
    let hasNew = false;
    for (const { id, host, port, status, weight } of told) {
      let instance = deployment.instances.get(id);
      if (instance === undefined || instance.host !== host || instance.port !== port) {
        const why = refusedAddress(host, port, this.around.own);
        if (why !== null) {
          this.around.warn({ service: this.name, instance: id, host, port, why }, 'instance is not routed to');
          continue;
        }
        instance?.leave(this.around.streams);
        instance = new Instance({ id, host, port });
        deployment.instances.set(id, instance);
        hasNew = true;
      }
      if (status === 'UP' && !instance.isUp) deployment.tell(instance, 'renewed');
      instance.isUp = status === 'UP';
      instance.weight = Math.max(weight, 0.001);
      gone.delete(id);
    }
    for (const [id, instance] of gone) {
      deployment.instances.delete(id);
      instance.leave(this.around.streams);
    }
    deployment.take([...deployment.instances.values()].filter((instance) => instance.isUp));
    return hasNew;
  }

  private drop(deployment: Deployment): void {
    for (const instance of deployment.instances.values()) instance.leave(this.around.streams);
    deployment.instances.clear();
    deployment.take([]);
    deployment.isServing = false;
    this.deployments.delete(deployment.id);
  }
}
