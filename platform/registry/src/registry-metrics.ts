/** What the registry measures about itself. */
import { metricOnce } from '@switchyard/kit/metrics';
import type { Registry as Metrics } from '@switchyard/kit/metrics';
import { Counter, Gauge } from 'prom-client';
import type { EvictionReason } from './leases/leases.ts';
import type { ProbeOutcome } from './leases/probe.ts';
import type { Registry } from './registry.ts';

/** What has no getter to be read from at a scrape. */
export interface RegistryCounters {
  readonly evicted: (reason: EvictionReason) => void;
  readonly probed: (outcome: ProbeOutcome) => void;
}

export function registryCounters(metrics: Metrics): RegistryCounters {
  const counter = <L extends string>(name: string, help: string, label: L): Counter<L> =>
    metricOnce(metrics, name, () => new Counter({ name, help, labelNames: [label], registers: [metrics] }));
  const evictions = counter('registry_evictions_total', 'Instances removed because nobody answered for them', 'reason');
  const probes = counter('registry_probes_total', 'Probes of instances whose lease ran out', 'outcome');
  return {
    evicted: (reason) => evictions.inc({ reason }),
    probed: (outcome) => probes.inc({ outcome }),
  };
}

/** Gauges that read the registry when they are scraped. */
export function measureRegistry(metrics: Metrics, registry: Registry): void {
  const gauge = (name: string, help: string, read: () => number): void => {
    metricOnce(metrics, name, () => new Gauge({ name, help, registers: [metrics], collect: readInto }));
    function readInto(this: Gauge): void {
      this.set(read());
    }
  };
  gauge('registry_epoch', 'Changes of what is live', () => registry.table.epoch);
  gauge('registry_revision', 'Revision of the table', () => registry.table.revision);
  gauge('registry_services', 'Services in the table', () => registry.table.serviceCount);
  gauge('registry_instances', 'Instances in the table', () => registry.table.instanceCount);
  gauge('registry_silent_instances', 'Instances that neither renew nor answer', () => registry.leases.silentCount);
  gauge('registry_watches', 'Watches that are open', () => registry.streams.count);
  gauge('registry_watchers', 'Watchers that route', () => registry.watchers.count);
  gauge('registry_locks', 'Locks of services that are held', () => registry.locks.count);
  gauge('registry_slow_watches_cut', 'Watches cut because they read too slowly', () => registry.streams.slowCuts);
  gauge('registry_failed_saves', 'Saves of the state that failed', () => registry.live.failedSaves);
  gauge('registry_recovering', '1 while waiting for instances after a restart', () =>
    registry.recovery.isOver ? 0 : 1,
  );
}
