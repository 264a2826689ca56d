/** Figures of a running yard: what each of its processes costs, and how far fan-out lags. */
import type { YardUnderTest } from '@switchyard/e2e/yard-under-test';
import { costOf } from './processes.ts';
import type { Cost } from './processes.ts';

/** Cost by name: each service, registry, gateway, the supervisor, and PostgreSQL with all its backends. */
export async function costByProcess(yard: YardUnderTest): Promise<Map<string, Cost>> {
  const costs = new Map<string, Cost>();
  for (const [name, pids] of await yard.pids()) {
    // PostgreSQL works in processes of its own, the supervisor's children are the yard itself
    const each = pids.map((pid) => costOf(pid, { andBelow: name === 'postgres' }));
    costs.set(name, {
      memoryMiB: sum(each.map((cost) => cost.memoryMiB)),
      cpuSeconds: sum(each.map((cost) => cost.cpuSeconds)),
      kernelSeconds: sum(each.map((cost) => cost.kernelSeconds)),
    });
  }
  return costs;
}

/** Median and 99th percentile of Feeds' own histogram, as the bounds of its buckets. */
export async function fanOutLag(yard: YardUnderTest): Promise<string> {
  const text = await (await fetch(`http://127.0.0.1:${await yard.portOf('feeds')}/metrics`)).text();
  const buckets = [...text.matchAll(/^feeds_fan_out_lag_seconds_bucket\{.*?le="([^"]+)".*?\} (\d+)/gm)].map(
    ([, bound, count]) => ({ bound: bound!, count: Number(count) }),
  );
  const total = buckets.at(-1)?.count ?? 0;
  if (total === 0) return 'nothing was fanned out';
  const atMost = (share: number) => buckets.find((bucket) => bucket.count >= total * share)!.bound;
  return `p50 at most ${atMost(0.5)} s, p99 at most ${atMost(0.99)} s over ${total} posts`;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
