/** What a deployment is among those of its service, by the table. */
import type { Table } from '@switchyard/contracts/registry';

export interface Who {
  readonly service: string;
  readonly deployment: string;
}

/**
 * Whether another deployment of the service is live and has an instance that is UP. Work that only one deployment is to do (consuming
 * events above all) is then the other's. False without a table: who knows of no other does the work.
 */
export function otherIsLive(table: Table | null, who: Who): boolean {
  const entry = table?.services[who.service];
  if (entry === undefined || entry.live === null || entry.live === who.deployment) return false;
  return entry.deployments[entry.live]?.instances.some(({ status }) => status === 'UP') ?? false;
}

/** Whether gateways may send requests to the deployment. True where nothing is known of the service. */
export function isRoutedTo(table: Table | null, who: Who): boolean {
  const entry = table?.services[who.service];
  if (entry === undefined || entry.live === null) return true;
  return entry.live === who.deployment || entry.split?.[who.deployment] !== undefined;
}
