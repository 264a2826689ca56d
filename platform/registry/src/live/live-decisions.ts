/** Decides whether a change of what is live or declared may be made: from the state and the table, without doing anything. */
import type { Declarations, LiveChange } from '@switchyard/contracts/registry';
import { refuse } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import { registryErrors } from '../errors.ts';
import type { RoutingTable } from '../table/routing-table.ts';
import { withDeclarations, withLive, withoutLive } from './live-state.ts';
import type { LiveEntry, LiveState } from './live-state.ts';

/** Whether a service is declared, has an instance, or had something decided about it. */
export const isKnown = (state: LiveState, table: RoutingTable, service: string): boolean =>
  table.service(service) !== undefined || state.live[service] !== undefined || state.declared[service] !== undefined;

/** Compare-and-set: all of it or none. Whether locks allow it is asked before (locks/locks.ts). */
export function liveChanged(state: LiveState, table: RoutingTable, change: LiveChange): LiveState | Refusal {
  if (change.expect !== state.epoch)
    return refuse(registryErrors.EPOCH_MOVED, { detail: `Expected ${change.expect}; the epoch is ${state.epoch}` });
  for (const [service, entry] of Object.entries(change.changes)) {
    const refusal = refusalOfEntry(state, table, service, entry);
    if (refusal !== null) return refusal;
  }
  return withLive(state, change.changes);
}

/**
 * A deployment has to have an instance that is UP to get what it did not have: to become live, a share, or a larger one. What it has already it keeps
 * without any instance, so that taking back what went wrong is never held up by whoever died of it.
 */
function refusalOfEntry(state: LiveState, table: RoutingTable, service: string, entry: LiveEntry): Refusal | null {
  if (!isKnown(state, table, service))
    return refuse(registryErrors.SERVICE_UNKNOWN, { detail: `${service} is neither declared nor has it an instance` });
  const record = table.service(service);
  const before = state.live[service];
  const { live, standby, split } = entry;
  if (live !== null && live !== before?.live && record?.hasInstanceUp(live) !== true)
    return refuse(registryErrors.DEPLOYMENT_EMPTY, { detail: `${live} of ${service} has no instance that is UP` });
  const wasThere = standby === null || standby === before?.standby || shareOf(before, standby) !== null;
  if (!wasThere && record?.hasInstances(standby) !== true)
    return refuse(registryErrors.DEPLOYMENT_EMPTY, { detail: `standby ${standby} of ${service} has no instance` });
  if (standby !== null && standby === live)
    return refuse(registryErrors.SPLIT_INVALID, { detail: `${service}: live and standby are the same deployment` });
  if (split === null) return null;
  const shares = Object.entries(split);
  if (live === null || shares.reduce((sum, [, percent]) => sum + percent, 0) !== 100)
    return refuse(registryErrors.SPLIT_INVALID, { detail: `${service}: shares must add up to 100, with a live one` });
  const empty = shares.find(([id, percent]) => {
    const percentBefore = shareOf(before, id);
    return (percentBefore === null || percent > percentBefore) && record?.hasInstanceUp(id) !== true;
  });
  return empty === undefined
    ? null
    : refuse(registryErrors.DEPLOYMENT_EMPTY, { detail: `${empty[0]} of ${service} has no instance that is UP` });
}

/** The percentage that a deployment gets; null: it is neither live nor in the split. */
function shareOf(entry: LiveEntry | undefined, deployment: string): number | null {
  const whole = entry?.live === deployment ? 100 : null;
  return entry?.split == null ? whole : (entry.split[deployment] ?? (whole === null ? null : 0));
}

/** The yard file's word; two services of it may not claim the same path. */
export function declared(state: LiveState, { services }: Declarations): LiveState | Refusal {
  const owners = new Map<string, string>();
  for (const [service, { routes }] of Object.entries(services)) {
    for (const { path } of routes) {
      const owner = owners.get(path);
      if (owner !== undefined)
        return refuse(registryErrors.ROUTE_TAKEN, { detail: `${path} is declared by ${owner} and by ${service}` });
      owners.set(path, service);
    }
  }
  return withDeclarations(state, services);
}

/**
 * What is live of a service that no yard file declares follows from its instances: while its live deployment has one, it stays; else the
 * deployment that has been up longest takes its place; without any instance the service is forgotten. A service that the operator
 * has stopped (`live: null`) stays stopped.
 */
export function followed(state: LiveState, table: RoutingTable, service: string): LiveState {
  if (state.declared[service] !== undefined) return state;
  const entry = state.live[service];
  const record = table.service(service);
  if (record === undefined || record.isWithoutInstances)
    return entry === undefined ? state : withoutLive(state, [service]);
  if (entry !== undefined && (entry.live === null || record.hasInstances(entry.live))) return state;
  const next = record.firstUp;
  return next === null ? state : withLive(state, { [service]: { live: next, standby: null, split: null } });
}
