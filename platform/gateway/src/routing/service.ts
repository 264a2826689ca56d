/** One service as the gateway routes to it: its deployments, which of them gets a request, its breaker. */
import type { ServiceEntry } from '@switchyard/contracts/registry';
import type { OpenStreams } from '../upstream/open-streams.ts';
import { Breaker } from './breaker.ts';
import { Instance } from './instance.ts';
import { refusedAddress } from './upstream-address.ts';
import type { OwnAddress } from './upstream-address.ts';

export class Deployment {
  readonly id: string;
  readonly service: string;
  /** Requests claimed on it and not yet ended, streams included. */
  inFlight = 0;
  readonly instances = new Map<string, Instance>();
  /** Those of `instances` that are UP: what is chosen from. */
  up: Instance[] = [];

  constructor(id: string, service: string) {
    this.id = id;
    this.service = service;
  }
}

export interface ServiceSurroundings {
  readonly streams: OpenStreams;
  readonly own: readonly OwnAddress[];
  readonly nowMs: () => number;
  readonly warn: (facts: Record<string, unknown>, message: string) => void;
}

export class Service {
  readonly name: string;
  readonly breaker = new Breaker();
  readonly deployments = new Map<string, Deployment>();
  /** Gets all requests, unless there is a split. */
  live: Deployment | null = null;
  private split: readonly { deployment: Deployment; untilPercent: number }[] | null = null;
  private readonly around: ServiceSurroundings;

  constructor(name: string, around: ServiceSurroundings) {
    this.name = name;
    this.around = around;
  }

  /** Takes over what the table says; synchronous, so that no request sees half of it. */
  take(entry: ServiceEntry): void {
    const liveBefore = this.live;
    let isRenewed = false;
    for (const [id, deployment] of this.deployments) if (entry.deployments[id] === undefined) this.drop(deployment);
    for (const [id, told] of Object.entries(entry.deployments)) {
      let deployment = this.deployments.get(id);
      if (deployment === undefined) this.deployments.set(id, (deployment = new Deployment(id, this.name)));
      if (this.takeInstances(deployment, told.instances) && id === entry.live) isRenewed = true;
    }
    this.live = entry.live === null ? null : (this.deployments.get(entry.live) ?? null);
    this.split = this.readSplit(entry.split);
    if (isRenewed || this.live !== liveBefore) this.breaker.renew(this.around.nowMs());
    this.endStreamsOfRetired(entry);
  }

  /** The service left the table. */
  leave(): void {
    for (const deployment of this.deployments.values()) this.drop(deployment);
    this.live = null;
    this.split = null;
  }

  /** Which deployment gets the next request. `random` is 0 to 1. */
  choose(random: number): Deployment | null {
    if (this.split !== null) {
      const percent = random * 100;
      for (const part of this.split)
        if (percent < part.untilPercent && part.deployment.up.length > 0) return part.deployment;
    }
    return this.live;
  }

  private readSplit(split: ServiceEntry['split']): typeof this.split {
    if (split === null) return null;
    let untilPercent = 0;
    const parts = [];
    for (const [id, percent] of Object.entries(split)) {
      const deployment = this.deployments.get(id);
      untilPercent += percent;
      if (deployment !== undefined) parts.push({ deployment, untilPercent });
    }
    return parts;
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
      instance.isUp = status === 'UP';
      instance.weight = Math.max(weight, 0.001);
      gone.delete(id);
    }
    for (const [id, instance] of gone) {
      deployment.instances.delete(id);
      instance.leave(this.around.streams);
    }
    deployment.up = [...deployment.instances.values()].filter((instance) => instance.isUp);
    return hasNew;
  }

  /** Streams of a deployment that neither serves nor stands by would keep it for ever. */
  private endStreamsOfRetired(entry: ServiceEntry): void {
    for (const [id, deployment] of this.deployments) {
      if (id === entry.live || id === entry.standby || entry.split?.[id] !== undefined) continue;
      for (const instance of deployment.instances.values()) this.around.streams.endOfInstance(instance.id);
    }
  }

  private drop(deployment: Deployment): void {
    for (const instance of deployment.instances.values()) instance.leave(this.around.streams);
    deployment.instances.clear();
    deployment.up = [];
    this.deployments.delete(deployment.id);
  }
}
