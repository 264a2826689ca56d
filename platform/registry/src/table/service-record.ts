/** One service in the table: what is live, its deployments and their instances, and the JSON of it. */
import type { Registration } from '@switchyard/contracts/registry';
import type { RoutePolicy } from '@switchyard/contracts/route';
import type { LiveEntry } from '../live/live-state.ts';

export interface InstanceRecord {
  readonly id: string;
  readonly service: string;
  readonly deployment: string;
  readonly registration: Registration;
  readonly registrationJson: string;
  /** As the table shows it. */
  readonly json: string;
}

/** Facts that the instances of a deployment share; the last one that registered says them. */
interface DeploymentRecord {
  version: string;
  side: Registration['side'];
  routes: readonly RoutePolicy[];
  readonly instances: Map<string, InstanceRecord>;
}

export class ServiceRecord {
  readonly name: string;
  /** Null: no yard file declares it. */
  declaredRoutes: readonly RoutePolicy[] | null = null;
  /** Null: nothing was ever decided about it. */
  entry: LiveEntry | null = null;
  /** Revision of its last change. */
  changedAt = 0;
  private readonly deployments = new Map<string, DeploymentRecord>();
  private text: string | null = null;

  constructor(name: string) {
    this.name = name;
  }

  get isNeeded(): boolean {
    return this.declaredRoutes !== null || this.entry !== null || this.deployments.size > 0;
  }

  get isWithoutInstances(): boolean {
    return this.instanceCount === 0;
  }

  get instanceCount(): number {
    let count = 0;
    for (const deployment of this.deployments.values()) count += deployment.instances.size;
    return count;
  }

  /** Has to be called after each change, for the JSON to be made anew. */
  touch(revision: number): void {
    this.changedAt = revision;
    this.text = null;
    for (const [id, deployment] of this.deployments)
      if (deployment.instances.size === 0 && id !== this.entry?.live && id !== this.entry?.standby)
        this.deployments.delete(id);
  }

  put(instance: InstanceRecord): void {
    const { version, side, routes } = instance.registration;
    let deployment = this.deployments.get(instance.deployment);
    if (deployment === undefined) {
      deployment = { version, side, routes, instances: new Map() };
      this.deployments.set(instance.deployment, deployment);
    }
    Object.assign(deployment, { version, side, routes });
    deployment.instances.set(instance.id, instance);
  }

  remove(instance: InstanceRecord): void {
    this.deployments.get(instance.deployment)?.instances.delete(instance.id);
  }

  hasInstances(deployment: string): boolean {
    return (this.deployments.get(deployment)?.instances.size ?? 0) > 0;
  }

  hasInstanceUp(deployment: string): boolean {
    for (const instance of this.deployments.get(deployment)?.instances.values() ?? [])
      if (instance.registration.status === 'UP') return true;
    return false;
  }

  /** The deployment with an instance that is UP which has been here longest. */
  get firstUp(): string | null {
    for (const id of this.deployments.keys()) if (this.hasInstanceUp(id)) return id;
    return null;
  }

  *instances(): Generator<InstanceRecord> {
    for (const deployment of this.deployments.values()) yield* deployment.instances.values();
  }

  /** Every path that its declaration or one of its deployments claims. */
  *paths(): Generator<string> {
    for (const route of this.declaredRoutes ?? []) yield route.path;
    for (const deployment of this.deployments.values()) for (const route of deployment.routes) yield route.path;
  }

  /** JSON of a ServiceEntry (contracts/src/registry.ts). The live deployment is in it even without an instance, so that its routes stay known. */
  get json(): string {
    this.text ??= this.write();
    return this.text;
  }

  private write(): string {
    const live = this.entry?.live ?? null;
    const shown = [...this.deployments];
    if (live !== null && !this.deployments.has(live))
      shown.push([live, { version: '', side: undefined, routes: [], instances: new Map() }]);
    const deployments = shown.map(
      ([id, deployment]) =>
        `${JSON.stringify(id)}:{"version":${JSON.stringify(deployment.version)},"side":${JSON.stringify(deployment.side ?? null)},` +
        `"routes":${JSON.stringify(deployment.routes.length > 0 ? deployment.routes : (this.declaredRoutes ?? []))},` +
        `"instances":[${Array.from(deployment.instances.values(), (instance) => instance.json).join(',')}]}`,
    );
    const routes = this.declaredRoutes === null ? '' : `"routes":${JSON.stringify(this.declaredRoutes)},`;
    return (
      `{"declared":${this.declaredRoutes !== null},${routes}"live":${JSON.stringify(live)},` +
      `"standby":${JSON.stringify(this.entry?.standby ?? null)},"split":${JSON.stringify(this.entry?.split ?? null)},` +
      `"deployments":{${deployments.join(',')}}}`
    );
  }
}

/** How the table shows a registered instance. */
export function instanceRecord(id: string, registration: Registration): InstanceRecord {
  const { host, port, endpoints, status, weight, zone, metadata } = registration;
  return {
    id,
    service: registration.service,
    deployment: registration.deployment ?? `${registration.service}-1`,
    registration,
    registrationJson: JSON.stringify(registration),
    json: JSON.stringify({ id, host, port, endpoints, status, weight, zone, metadata }),
  };
}
