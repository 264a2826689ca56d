/** Holds every instance to its lease, probes those whose lease ran out, and says which are dead. */
import type { Clock } from '@switchyard/kit/clock';
import type { Logger } from '@switchyard/kit/log';
import { DueQueue } from './due-queue.ts';
import type { Probe, ProbeOutcome, ProbeTarget } from './probe.ts';
import { Silence } from './silence.ts';

/** Probes that run at once. */
const PROBES_MAX = 64;
/** A lease that ran out is probed at once, and a second time after this share of it … */
const SECOND_PROBE_SHARE = 0.25;
/** … and judged after this share, so that who fell silent with it has shown by then (clients renew at a third) and a dead one is gone within 1.5 leases. */
const JUDGE_SHARE = 0.4;
const RETRY_MS = 100;
/** In mass silence, a connection refused for so long (and for 10 leases) proves that the instance is dead. */
const REFUSED_PROVES_MS = 120_000;
/** In mass silence, nobody is kept without a sign for longer than this (or 10 leases). */
const KEPT_MS = 3_600_000;

type Failure = Exclude<ProbeOutcome, 'well'>;

/**
 * The life of a lease: renewed -> (it runs out) probed -> answering | silent -> evicted. A renewal leads back to `renewed` from anywhere.
 * - `renewed`: falls due when the lease runs out.
 * - `answering`: nobody renews it, but its probes are answered; falls due for the next probe.
 * - `silent`: no probe was answered since `sinceMs`; falls due for the next probe, or to be judged.
 */
type Phase =
  | { readonly name: 'renewed' }
  | { readonly name: 'answering' }
  | {
      readonly name: 'silent';
      readonly sinceMs: number;
      readonly failures: number;
      /** Since when every probe was refused; null: the last was not. */
      readonly refusedSinceMs: number | null;
      /** What the waits for the second probe and the judgement are shares of. */
      readonly patienceMs: number;
    };

interface Lease {
  readonly id: string;
  leaseMs: number;
  target: ProbeTarget;
  phase: Phase;
  /** Grows with each renewal: what a probe says about an earlier one is void. */
  renewals: number;
  isProbing: boolean;
  /** When the first probe of this silence was due. */
  lapsedMs: number;
}

export type EvictionReason = 'dead' | 'replaced' | 'refused-throughout' | 'silent-too-long';

export interface LeasesOptions {
  readonly clock: Clock;
  readonly probe: Probe;
  readonly onEvict: (id: string, reason: EvictionReason) => void;
  readonly onProbed?: (outcome: ProbeOutcome) => void;
  readonly log: Logger;
}

/**
 * **Who is removed.** An instance whose lease ran out and whose two probes were not answered is removed 1.4 leases after its last renewal.
 * **Mass silence.** But when it fell silent in company, with at least two and 30 % of all instances within 0.4 leases of one another, none of them is
 * removed: it is likelier that the registry is cut off than that they all died in one moment. Each stays until it renews or answers a
 * probe, another instance answers at its address, its machine has refused every connection for 2 minutes and 10 leases, or an hour
 * (10 leases, if that is longer) has passed. One death alone is never mass silence, whether of one instance, two or thousands.
 */
export class Leases {
  private readonly options: LeasesOptions;
  private readonly leases = new Map<string, Lease>();
  private readonly due = new DueQueue<Lease>();
  private readonly silence = new Silence();
  private readonly probesWaiting: { lease: Lease; renewals: number }[] = [];
  private probesRunning = 0;
  private timerMs: number | null = null;
  private cancelTimer = (): void => {};
  private isStopped = false;

  constructor(options: LeasesOptions) {
    this.options = options;
  }

  /** Leases whose instance answers neither by renewals nor to probes. */
  get silentCount(): number {
    return this.silence.count;
  }

  /** A new lease, or a renewal that may change its length and where to probe. */
  put(target: ProbeTarget, leaseMs: number): void {
    const known = this.leases.get(target.id);
    if (known === undefined) {
      const lease: Lease = {
        id: target.id,
        leaseMs,
        target,
        phase: { name: 'renewed' },
        renewals: 0,
        isProbing: false,
        lapsedMs: 0,
      };
      this.leases.set(target.id, lease);
      return this.setDue(lease, leaseMs);
    }
    known.leaseMs = leaseMs;
    known.target = target;
    this.renew(target.id);
  }

  /** Known from before a restart: it is probed at once, and lives by its probes until it renews. */
  putAnswering(target: ProbeTarget, leaseMs: number): void {
    this.put(target, leaseMs);
    const lease = this.leases.get(target.id)!;
    lease.phase = { name: 'answering' };
    this.setDue(lease, intervalMs(lease));
  }

  /** The lease's length; null when there is none. */
  renew(id: string): number | null {
    const lease = this.leases.get(id);
    if (lease === undefined) return null;
    lease.renewals += 1;
    if (lease.phase.name === 'silent') this.silence.ended(lease.phase.sinceMs);
    if (lease.phase.name !== 'renewed') lease.phase = { name: 'renewed' };
    this.setDue(lease, lease.leaseMs);
    return lease.leaseMs;
  }

  drop(id: string): void {
    const lease = this.leases.get(id);
    if (lease === undefined) return;
    if (lease.phase.name === 'silent') this.silence.ended(lease.phase.sinceMs);
    this.forget(lease);
  }

  stop(): void {
    this.isStopped = true;
    this.cancelTimer();
    this.probesWaiting.length = 0;
  }

  private setDue(lease: Lease, inMs: number): void {
    this.due.set(lease, this.options.clock.nowMs() + Math.max(0, inMs));
    this.setTimer();
  }

  private setTimer(): void {
    const nextMs = this.due.nextMs;
    if (this.isStopped || nextMs === null || (this.timerMs !== null && this.timerMs <= nextMs)) return;
    this.cancelTimer();
    this.timerMs = nextMs;
    const inMs = Math.max(0, Math.ceil(nextMs - this.options.clock.nowMs()));
    this.cancelTimer = this.options.clock.after(inMs, () => this.takeDue());
  }

  private takeDue(): void {
    this.timerMs = null;
    const nowMs = this.options.clock.nowMs();
    for (let lease = this.due.takeDue(nowMs); lease !== null; lease = this.due.takeDue(nowMs)) {
      if (lease.phase.name === 'silent' && lease.phase.failures >= 2 && !this.isHeld(lease, nowMs)) this.evict(lease);
      else this.startProbe(lease, nowMs);
    }
    this.setTimer();
  }

  private startProbe(lease: Lease, nowMs: number): void {
    // One that was asked before its last renewal is still on its way: come back when it has ended.
    if (lease.isProbing) return this.setDue(lease, RETRY_MS);
    if (lease.phase.name !== 'silent') lease.lapsedMs = nowMs;
    lease.isProbing = true;
    this.probesWaiting.push({ lease, renewals: lease.renewals });
    this.runProbes();
  }

  private runProbes(): void {
    while (this.probesRunning < PROBES_MAX) {
      const next = this.probesWaiting.shift();
      if (next === undefined) return;
      const { lease, renewals } = next;
      const isVoid = (): boolean => this.leases.get(lease.id) !== lease || lease.renewals !== renewals;
      if (isVoid()) {
        lease.isProbing = false;
        continue;
      }
      this.probesRunning += 1;
      void this.options.probe(lease.target, timeoutMs(lease)).then((outcome) => {
        this.probesRunning -= 1;
        lease.isProbing = false;
        if (this.isStopped) return;
        this.options.onProbed?.(outcome);
        if (!isVoid()) this.take(lease, outcome);
        this.runProbes();
      });
    }
  }

  private take(lease: Lease, outcome: ProbeOutcome): void {
    if (outcome !== 'well') return this.takeFailure(lease, outcome);
    if (lease.phase.name === 'silent') this.silence.ended(lease.phase.sinceMs);
    lease.phase = { name: 'answering' };
    this.setDue(lease, intervalMs(lease));
  }

  private takeFailure(lease: Lease, outcome: Failure): void {
    const nowMs = this.options.clock.nowMs();
    const before = lease.phase;
    if (before.name !== 'silent') {
      this.silence.began(lease.lapsedMs);
      lease.phase = {
        name: 'silent',
        sinceMs: lease.lapsedMs,
        failures: 1,
        refusedSinceMs: outcome === 'refused' ? nowMs : null,
        patienceMs: before.name === 'renewed' ? lease.leaseMs : 2 * intervalMs(lease),
      };
    } else
      lease.phase = {
        ...before,
        failures: before.failures + 1,
        refusedSinceMs: outcome === 'refused' ? (before.refusedSinceMs ?? nowMs) : null,
      };
    if (outcome === 'replaced') return this.evict(lease, 'replaced');
    const { sinceMs, failures, patienceMs } = lease.phase;
    if (failures < 2) return this.setDue(lease, sinceMs + SECOND_PROBE_SHARE * patienceMs - nowMs);
    if (nowMs < sinceMs + JUDGE_SHARE * patienceMs)
      return this.setDue(lease, sinceMs + JUDGE_SHARE * patienceMs - nowMs);
    if (this.isHeld(lease, nowMs)) return this.setDue(lease, intervalMs(lease));
    this.evict(lease);
  }

  /** Whether mass silence keeps it. */
  private isHeld(lease: Lease, nowMs: number): boolean {
    const { phase } = lease;
    if (phase.name !== 'silent') return false;
    if (!this.silence.isMass(phase.sinceMs, JUDGE_SHARE * lease.leaseMs, this.leases.size)) return false;
    return this.provedDead(lease, nowMs) === null;
  }

  private provedDead({ phase, leaseMs }: Lease, nowMs: number): EvictionReason | null {
    if (phase.name !== 'silent') return null;
    if (phase.refusedSinceMs !== null && nowMs - phase.refusedSinceMs >= Math.max(REFUSED_PROVES_MS, 10 * leaseMs))
      return 'refused-throughout';
    return nowMs - phase.sinceMs >= Math.max(KEPT_MS, 10 * leaseMs) ? 'silent-too-long' : null;
  }

  private evict(lease: Lease, reason?: EvictionReason): void {
    const nowMs = this.options.clock.nowMs();
    const why = reason ?? this.provedDead(lease, nowMs) ?? 'dead';
    if (lease.phase.name === 'silent') this.silence.removed(lease.phase.sinceMs, nowMs);
    this.forget(lease);
    this.options.log.warn({ instance: lease.id, reason: why, leaseMs: lease.leaseMs }, 'removed: its lease ran out');
    this.options.onEvict(lease.id, why);
  }

  private forget(lease: Lease): void {
    this.leases.delete(lease.id);
    this.due.delete(lease);
  }
}

/** 200 ms to 2 s. */
const timeoutMs = ({ leaseMs }: Lease): number => Math.min(2_000, Math.max(200, leaseMs / 5));

/** Between probes of an instance that nobody renews: half its lease, 500 ms to 5 s. */
const intervalMs = ({ leaseMs }: Lease): number => Math.min(5_000, Math.max(500, leaseMs / 2));
