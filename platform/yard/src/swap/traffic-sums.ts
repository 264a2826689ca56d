/** What all gateways together have sent to each deployment since somebody began to look, and within the last seconds; pure. */
import type { Traffic, Watchers } from '@switchyard/contracts/registry';

/** What `recent` looks back on, if it is not told otherwise. */
export const WINDOW_MS = 10_000;
/** Samples nearer to each other than this are one: a window is exact to this much. */
const SAMPLE_EVERY_MS = 200;
/** Gateways whose counters are remembered, those that have vanished included. */
const GATEWAYS_MAX = 1_000;

type Watcher = Watchers['watchers'][number];
type Counters = Readonly<Record<string, Traffic>>;
interface Sample {
  readonly atMs: number;
  readonly sums: ReadonlyMap<string, Traffic>;
}

const NOTHING: Traffic = { requests: 0, failed: 0, latencyMs: 0 };

export class TrafficSums {
  /** Counters of each gateway as they were last seen; those seen last are at the end. */
  private readonly seen = new Map<string, Counters>();
  private readonly sums = new Map<string, Traffic>();
  /** Sums as they were, oldest first; one sample lies before the window, or the first has not left it yet. */
  private samples: Sample[] = [];

  /**
   * Call it at each poll. `nowMs` is any clock that does not go back, the same as in `recent`.
   *
   * The counters of the first gateways are where counting begins. A gateway that comes later has begun at 0, so all that it says is new; one
   * that comes back goes on from where it was, also when the registry did not know it in between. Counters that fell have begun anew.
   */
  take(watchers: readonly Watcher[], nowMs: number): void {
    const gateways = watchers.filter((watcher) => watcher.role === 'gateway');
    // A registry that has just restarted knows no gateway yet: theirs would all look new, with everything they ever counted.
    if (gateways.length === 0 && this.seen.size === 0) return;
    const isFirst = this.seen.size === 0;
    for (const { id, traffic } of gateways) {
      if (!isFirst) this.add(growth(this.seen.get(id) ?? {}, traffic));
      this.remember(id, traffic);
    }
    this.sample(nowMs);
  }

  /** Growth since the first `take`. */
  of(deployment: string): Traffic {
    return this.sums.get(deployment) ?? NOTHING;
  }

  /** Growth within the last `windowMs` (at most ten seconds), or since the first `take` if that was later. */
  recent(deployment: string, nowMs: number, windowMs = WINDOW_MS): Traffic {
    const before = this.samples.findLast((sample) => sample.atMs <= nowMs - windowMs) ?? this.samples[0];
    return minus(this.of(deployment), before?.sums.get(deployment) ?? NOTHING);
  }

  private add(grown: ReadonlyMap<string, Traffic>): void {
    for (const [deployment, traffic] of grown) this.sums.set(deployment, plus(this.of(deployment), traffic));
  }

  private remember(id: string, traffic: Counters): void {
    const known = this.seen.get(id);
    this.seen.delete(id);
    // A deployment that a gateway has left out may come back with the counters it had.
    this.seen.set(id, { ...known, ...traffic });
    for (const oldest of this.seen.keys()) {
      if (this.seen.size <= GATEWAYS_MAX) break;
      this.seen.delete(oldest);
    }
  }

  private sample(nowMs: number): void {
    const newest = this.samples.at(-1);
    if (newest !== undefined && nowMs - newest.atMs < SAMPLE_EVERY_MS) return;
    this.samples.push({ atMs: nowMs, sums: new Map(this.sums) });
    const needed = this.samples.findLastIndex((sample) => sample.atMs <= nowMs - WINDOW_MS);
    if (needed > 0) this.samples = this.samples.slice(needed);
  }
}

/** Mean time to the head of the answer; 0 without requests. */
export const meanLatencyMs = ({ requests, latencyMs }: Traffic): number => (requests === 0 ? 0 : latencyMs / requests);

/** By deployment, those that have grown. */
function growth(before: Counters, now: Counters): Map<string, Traffic> {
  const grown = new Map<string, Traffic>();
  for (const [deployment, traffic] of Object.entries(now)) {
    const known = Object.hasOwn(before, deployment) ? before[deployment]! : NOTHING;
    const hasFallen =
      traffic.requests < known.requests || traffic.failed < known.failed || traffic.latencyMs < known.latencyMs;
    const more = hasFallen ? traffic : minus(traffic, known);
    if (more.requests > 0) grown.set(deployment, more);
  }
  return grown;
}

const plus = (a: Traffic, b: Traffic): Traffic => ({
  requests: a.requests + b.requests,
  failed: a.failed + b.failed,
  latencyMs: a.latencyMs + b.latencyMs,
});

export const minus = (a: Traffic, b: Traffic): Traffic => ({
  requests: a.requests - b.requests,
  failed: a.failed - b.failed,
  latencyMs: a.latencyMs - b.latencyMs,
});
