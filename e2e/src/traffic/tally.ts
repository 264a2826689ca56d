/** Counts what became of every request, stream and message: what was answered, by whom, how fast, and what failed and why. */
import { LatencyHistogram } from './latency-histogram.ts';
import type { Percentiles } from './latency-histogram.ts';

export const REQUEST_KINDS = ['get', 'post', 'slow', 'upload'] as const;
export type RequestKind = (typeof REQUEST_KINDS)[number];
/** `stream`: event streams, counted by event. `socket`: WebSockets, counted by message. */
export type TrafficKind = RequestKind | 'stream' | 'socket';

/**
 * status: an answer with the wrong status. transport: none, or half of one (reset, hang up, truncated, closed abnormally).
 * wrong: not the answer to what was asked. order: from a deployment that another had replaced on this connection.
 * late: nothing came in time.
 */
export type FailureCause = 'status' | 'transport' | 'wrong' | 'order' | 'late';

export interface Failure {
  /** Milliseconds since 1970, when it was noticed. */
  readonly atMs: number;
  readonly kind: TrafficKind;
  readonly cause: FailureCause;
  readonly reason: string;
  /** Which deployment answered, if one did. */
  readonly deployment: string | null;
}

/** A quick request (`get`, `post`) that was answered well. */
export interface Sample {
  readonly kind: RequestKind;
  /** Milliseconds since 1970, when it was due to be sent. */
  readonly atMs: number;
  readonly latencyMs: number;
  readonly deployment: string;
}

export interface KindFigures {
  readonly sent: number;
  readonly answered: number;
  readonly failed: number;
  readonly statuses: Readonly<Record<string, number>>;
  /** By code and message, as `ECONNRESET socket hang up`. */
  readonly transportErrors: Readonly<Record<string, number>>;
  readonly latencyMs: Percentiles;
}

export interface DeploymentFigures {
  readonly answers: number;
  /** Milliseconds since 1970: its first answer. */
  readonly firstAnswerAtMs: number;
  /** The latest time at which something that it answered was sent. */
  readonly lastSentAtMs: number;
}

/** More than these are counted and not kept. */
export const FAILURES_MAX = 1_000;
const SAMPLES_MAX = 200_000;

class KindTally {
  sent = 0;
  answered = 0;
  failed = 0;
  readonly statuses = new Map<string, number>();
  readonly transportErrors = new Map<string, number>();
  readonly latency = new LatencyHistogram();
}

export class Tally {
  readonly failures: Failure[] = [];
  /** Clean ends that were followed by another connection. */
  readonly reconnects = { stream: 0, socket: 0 };
  /** Messages of a WebSocket that was closed with 1012 before they were echoed; sent again on the next one. */
  resentMessages = 0;
  /** Kept connections that the other side closed while nothing was asked on them. */
  idleCloses = 0;
  private readonly kinds = new Map<TrafficKind, KindTally>();
  private readonly deployments = new Map<string, { answers: number; firstAnswerAtMs: number; lastSentAtMs: number }>();
  private samples: Sample[] = [];
  private lastQuickAnswerAtMs = nowMs();
  private longestGapMs = 0;

  sent(kind: TrafficKind): void {
    this.of(kind).sent += 1;
  }

  status(kind: TrafficKind, status: number): void {
    add(this.of(kind).statuses, String(status));
  }

  answered(kind: TrafficKind, deployment: string, sentAtMs: number, latencyMs: number): void {
    const tally = this.of(kind);
    tally.answered += 1;
    tally.latency.record(latencyMs);
    const now = nowMs();
    const known = this.deployments.get(deployment);
    if (known === undefined)
      this.deployments.set(deployment, { answers: 1, firstAnswerAtMs: now, lastSentAtMs: sentAtMs });
    else {
      known.answers += 1;
      known.lastSentAtMs = Math.max(known.lastSentAtMs, sentAtMs);
    }
    if (kind !== 'get' && kind !== 'post') return;
    this.noteGap(now);
    this.lastQuickAnswerAtMs = now;
    if (this.samples.length < SAMPLES_MAX) this.samples.push({ kind, atMs: sentAtMs, latencyMs, deployment });
  }

  failed(kind: TrafficKind, cause: FailureCause, reason: string, deployment: string | null = null): void {
    const tally = this.of(kind);
    tally.failed += 1;
    if (cause === 'transport') add(tally.transportErrors, reason);
    if (this.failures.length < FAILURES_MAX)
      this.failures.push({ atMs: nowMs(), kind, cause, reason: reason.slice(0, 300), deployment });
  }

  /** Samples since the last call; at most 200,000 are kept between calls, the first ones. */
  takeSamples(): Sample[] {
    const taken = this.samples;
    this.samples = [];
    return taken;
  }

  total(count: 'sent' | 'answered' | 'failed'): number {
    return [...this.kinds.values()].reduce((sum, tally) => sum + tally[count], 0);
  }

  /** The longest time without any `get` or `post` answered well. */
  gapMs(): number {
    this.noteGap(nowMs());
    return this.longestGapMs;
  }

  byKind(): Partial<Record<TrafficKind, KindFigures>> {
    return Object.fromEntries(
      [...this.kinds].map(([kind, tally]) => [
        kind,
        {
          sent: tally.sent,
          answered: tally.answered,
          failed: tally.failed,
          statuses: Object.fromEntries(tally.statuses),
          transportErrors: Object.fromEntries(tally.transportErrors),
          latencyMs: tally.latency.summary(),
        },
      ]),
    );
  }

  byDeployment(): Record<string, DeploymentFigures> {
    return Object.fromEntries([...this.deployments].map(([id, figures]) => [id, { ...figures }]));
  }

  private noteGap(now: number): void {
    this.longestGapMs = Math.max(this.longestGapMs, now - this.lastQuickAnswerAtMs);
  }

  private of(kind: TrafficKind): KindTally {
    let tally = this.kinds.get(kind);
    if (tally === undefined) this.kinds.set(kind, (tally = new KindTally()));
    return tally;
  }
}

/** Milliseconds since 1970, with fractions, never going back. */
export function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
