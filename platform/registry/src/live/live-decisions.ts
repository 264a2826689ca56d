/** Decides whether a change of what is live or declared may be made: from the state and the table, without doing anything. */
import type { Declarations, LiveChange } from '@switchyard/contracts/registry';
import { refuse } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import { registryErrors } from '../errors.ts';
import type { RoutingTable } from '../table/routing-table.ts';
import { withDeclarations, withLive, withoutLive } from './live-state.ts';
import type { LiveEntry, LiveState } from './live-state.ts';

/** Compare-and-set: all of it or none. */
export function liveChanged(state: LiveState, table: RoutingTable, change: LiveChange): LiveState | Refusal {
  const locked = Object.keys(change.locks);
  if (locked.length > 0) return refuse(registryErrors.LOCK_UNKNOWN, { detail: `No lock is held on ${locked.join()}` });
  if (change.expect !== state.epoch)
    return refuse(registryErrors.EPOCH_MOVED, { detail: `Expected ${change.expect}; the epoch is ${state.epoch}` });
  for (const [service, entry] of Object.entries(change.changes)) {
    const refusal = refusalOfEntry(state, table, service, entry);
    if (refusal !== null) return refusal;
  }
  return withLive(state, change.changes);
}

function refusalOfEntry(state: LiveState, table: RoutingTable, service: string, entry: LiveEntry): Refusal | null {
  const record = table.service(service);
  const before = state.live[service];
  if (record === undefined && before === undefined && state.declared[service] === undefined)
    return refuse(registryErrors.SERVICE_UNKNOWN, { detail: `${service} is neither declared nor has it an instance` });
  const { live, standby, split } = entry;
  if (live !== null && live !== before?.live && record?.hasInstanceUp(live) !== true)
    return refuse(registryErrors.DEPLOYMENT_EMPTY, { detail: `${live} of ${service} has no instance that is UP` });
  const wasThere = standby === null || standby === before?.live || standby === before?.standby;
  if (!wasThere && record?.hasInstances(standby) !== true)
    return refuse(registryErrors.DEPLOYMENT_EMPTY, { detail: `standby ${standby} of ${service} has no instance` });
  if (standby !== null && standby === live)
    return refuse(registryErrors.SPLIT_INVALID, { detail: `${service}: live and standby are the same deployment` });
  if (split === null) return null;
  const shares = Object.entries(split);
  if (live === null || shares.reduce((sum, [, percent]) => sum + percent, 0) !== 100)
    return refuse(registryErrors.SPLIT_INVALID, { detail: `${service}: shares must add up to 100, with a live one` });
  const empty = shares.find(([id, percent]) => percent > 0 && record?.hasInstanceUp(id) !== true);
  return empty === undefined
    ? null
    : refuse(registryErrors.DEPLOYMENT_EMPTY, { detail: `${empty[0]} of ${service} has no instance that is UP` });
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
