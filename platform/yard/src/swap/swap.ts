/** One swap: walks from stage to stage, each written to the journal before the step that leads out of it begins. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Traffic } from '@switchyard/contracts/registry';
import type { Changes } from '../keeping/changes.ts';
import type { Fault, PartKeeper } from '../keeping/part-keeper.ts';
import { HeldLocks } from './held-locks.ts';
import { SwapFault } from './swap-fault.ts';
import type { SwapReport } from './swap-report.ts';
import { reportOf } from './swap-record.ts';
import type { SwapRecord } from './swap-record.ts';
import { isFinal, isToBeJournaled, nextStage } from './swap-stage.ts';
import type { FinalStage, SwapSignal, SwapStage } from './swap-stage.ts';
import type { SwapPlan, SwapSurroundings } from './swap-surroundings.ts';
import { askRegistry } from './steps/ask-registry.ts';
import { awaitAcknowledgements } from './steps/await-acknowledgements.ts';
import { bake } from './steps/bake.ts';
import { build } from './steps/build.ts';
import { checkHealth } from './steps/check-health.ts';
import { commitOrShow, commitOrSplit } from './steps/commit.ts';
import { drain } from './steps/drain.ts';
import { raiseCanary } from './steps/raise-canary.ts';
import { retire } from './steps/retire.ts';
import { spawn } from './steps/spawn.ts';
import { takeBack } from './steps/take-back.ts';
import { takeLocks } from './steps/take-locks.ts';
import { undo } from './steps/undo.ts';
import { warm } from './steps/warm.ts';
import { TrafficSums } from './traffic-sums.ts';

/** Leads out of a stage. Throws a SwapFault when it cannot be done; any other error is taken for one. */
export type Step = (swap: Swap) => Promise<SwapSignal>;

/** The way of a swap: what is done from each stage on. */
const WAY: { readonly [S in Exclude<SwapStage, FinalStage>]: Step } = {
  asked: takeLocks,
  locked: build,
  built: spawn,
  spawned: checkHealth,
  healthy: warm,
  warm: commitOrShow,
  preview: async (swap) => {
    await swap.untilPromoted();
    return commitOrSplit(swap);
  },
  canary: raiseCanary,
  uncertain: askRegistry,
  committed: awaitAcknowledgements,
  acknowledged: drain,
  drained: bake,
  baked: retire,
  aborting: undo,
  reverting: takeBack,
};

const SAMPLE_EVERY_MS = 400;

/** The supervisor ends: the swap stays in the journal as it is. */
class Left extends Error {}

/** A service of the swap: from which deployment to which. */
export interface Leg {
  readonly service: string;
  readonly from: string | null;
  readonly to: string;
}

export class Swap {
  readonly around: SwapSurroundings;
  readonly locks: HeldLocks;
  readonly traffic = new TrafficSums();
  /** Resolves when it is over, or is left to the next supervisor. */
  readonly over: Promise<SwapReport | null>;
  private recordNow: SwapRecord;
  private readonly began: number;
  private readonly withdrawing = new AbortController();
  private readonly leaving = new AbortController();
  /** Aborted when somebody takes the swap back, and when the supervisor leaves. */
  readonly withdrawn = AbortSignal.any([this.withdrawing.signal, this.leaving.signal]);
  private promotedNow = false;
  private detailNow = '';
  private isOverNow = false;
  private committedAtMs: number | null = null;
  private readonly faultsBefore = new Map<string, number>();
  private readonly plans = new Map<string, SwapPlan>();
  private readonly trafficBefore = new Map<string, Traffic>();
  private readonly settle: (report: SwapReport | null) => void;

  constructor(record: SwapRecord, around: SwapSurroundings) {
    this.recordNow = record;
    this.around = around;
    this.began = around.now() - Math.max(0, around.date().getTime() - Date.parse(record.startedAt));
    this.locks = new HeldLocks(around.registry, record.id, Object.keys(record.services));
    const { promise, resolve } = Promise.withResolvers<SwapReport | null>();
    for (const service of this.services) this.plan(service);
    this.over = promise;
    this.settle = resolve;
  }

  get id(): string {
    return this.recordNow.id;
  }
  get record(): SwapRecord {
    return this.recordNow;
  }
  get stage(): SwapStage {
    return this.recordNow.stage;
  }
  get detail(): string {
    return this.detailNow;
  }
  get services(): readonly string[] {
    return Object.keys(this.recordNow.services);
  }
  /** Every service whose new deployment has been made. */
  get legs(): readonly Leg[] {
    return Object.entries(this.recordNow.services).flatMap(([service, { from, to }]) =>
      to === null ? [] : [{ service, from, to }],
    );
  }
  /** Aborted when the supervisor leaves. */
  get left(): AbortSignal {
    return this.leaving.signal;
  }
  /** It goes no further here, whatever stage it has reached. */
  get isOver(): boolean {
    return this.isOverNow;
  }
  get isPromoted(): boolean {
    return this.promotedNow;
  }
  get isWithdrawn(): boolean {
    return this.withdrawing.signal.aborted;
  }
  get changes(): Changes {
    return this.around.changes;
  }

  /** Walks on from where the journal stands; does not reject. `interrupted`: another supervisor began it. */
  async run(how: 'new' | 'interrupted'): Promise<void> {
    try {
      if (how === 'interrupted') {
        this.note({ request: { ...this.recordNow.request, holdAt: null } });
        this.withdrawWhatDied();
        // Over, and nothing was left but to remember it: the disk was full, or the supervisor died just then.
        if (!isFinal(this.stage)) await this.reach('interrupted');
      } else await this.stand('asked');
      void this.sampleTraffic();
      while (!isFinal(this.stage)) await this.step();
      await this.end();
    } catch (error) {
      if (!(error instanceof Left)) this.tell(`it stops here: ${(error as Error).message}`);
      this.locks.leave();
      this.isOverNow = true;
      this.settle(null);
      this.changes.notify();
    }
  }

  /** Gives it up before the commit; takes it back after it. False: it is too late for that. */
  withdraw(reason: string): boolean {
    const isPossible = nextStageOrNull(this.stage, 'withdrawn') !== null;
    if (isPossible) this.withdrawing.abort(new SwapFault(reason));
    return isPossible;
  }

  /** Ends a preview, a canary or a bake: the new deployment goes on. */
  promote(): void {
    this.promotedNow = true;
    this.changes.notify();
  }

  /** Whether anybody waits for the end of the bake from now on; if not, the next swap may end it. */
  noteWaiter(waitsForBake: boolean): void {
    this.note({ request: { ...this.recordNow.request, waitsForBake } });
  }

  /** The supervisor ends; the next one goes on from the journal. */
  leave(): void {
    this.leaving.abort(new Left('the yard is being stopped'));
  }

  /** Tells what is being done, and keeps it for `yard status`. */
  tell(detail: string, figures: Readonly<Record<string, number>> = {}, isHeld = false): void {
    this.detailNow = detail;
    this.around.tell({
      kind: 'swap',
      id: this.id,
      services: this.recordNow.services,
      stage: this.stage,
      detail,
      sinceMs: this.sinceMs(),
      figures,
      ...(isHeld ? { isHeld } : {}),
    });
  }

  /** Notes a fact; it is on disk with the next stage. */
  note(facts: Partial<SwapRecord>): void {
    this.recordNow = { ...this.recordNow, ...facts };
  }

  /** What switchyard.yaml said of the service when the swap began, or when this supervisor did. */
  plan(service: string): SwapPlan {
    let plan = this.plans.get(service);
    if (plan === undefined) {
      try {
        plan = this.around.plan(service);
      } catch {
        // Somebody is in the middle of an edit; what has begun is finished all the same.
        plan = this.around.planAtStart(service);
      }
      this.plans.set(service, plan);
    }
    return plan;
  }

  /** The keeper of a new deployment. */
  candidate({ service, to }: Leg): PartKeeper {
    const part = this.around.services.get(service)?.find(to) ?? null;
    if (part === null) throw new SwapFault(`${to} does not run`);
    // From the first look at it on, also between two steps, nothing of it may end.
    if (!this.faultsBefore.has(to)) this.faultsBefore.set(to, part.faults.length);
    return part;
  }

  /**
   * Does `work` while every new deployment lives and nobody takes the swap back; rejects with the reason as a SwapFault as soon as
   * one of the two happens, and the signal that `work` gets is aborted.
   */
  async whileWell<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    this.throwIfUnwell();
    const watch = new AbortController();
    const ended = new AbortController();
    const stillWell = () => {
      this.throwIfUnwell();
      return false;
    };
    this.changes.until(stillWell, watch.signal).catch((fault: Error) => ended.abort(fault));
    const signal = AbortSignal.any([ended.signal, this.withdrawn]);
    const { promise, reject } = Promise.withResolvers<never>();
    const onAbort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      return await Promise.race([work(signal), promise]);
    } finally {
      watch.abort();
      signal.removeEventListener('abort', onAbort);
      promise.catch(() => undefined);
    }
  }

  /** Throws what `whileWell` rejects with, if there is a reason already. */
  throwIfUnwell(): void {
    this.withdrawn.throwIfAborted();
    for (const leg of this.legs) {
      const fault = this.newFault(leg);
      if (fault !== null) throw new SwapFault(`${leg.to}: ${fault.message}`, fault.lines);
    }
  }

  /** The commit has been answered. */
  committed(epoch: number): void {
    this.committedAtMs = this.around.now();
    this.note({ epoch });
  }

  /** Everybody routes by it. */
  acknowledged(): void {
    if (this.committedAtMs === null) return;
    // What gateways have counted came with their acknowledgements: now it is complete.
    this.keepBaselines();
    this.note({ commitToAcknowledgedMs: round(this.around.now() - this.committedAtMs) });
  }

  /** What the deployments before did up to now, with all the traffic, is what the new ones are compared with. */
  keepBaselines(): void {
    if (this.trafficBefore.size > 0) return;
    for (const { from } of this.legs) if (from !== null) this.trafficBefore.set(from, this.traffic.of(from));
  }

  /** Null when nothing is known of it: after a crash of the supervisor, or when nothing was live. */
  readonly baselines = ({ from }: Leg): Traffic | null =>
    from === null ? null : (this.trafficBefore.get(from) ?? null);

  /** Resolves when somebody has promoted it. */
  untilPromoted(): Promise<void> {
    return this.whileWell((signal) => this.changes.until(() => this.promotedNow, signal));
  }

  /** What ended while nobody supervised it is taken back as it would have been at once, if the one before has outlived it. */
  private withdrawWhatDied(): void {
    const hasOutlived = (service: string, deployment: string | null): boolean =>
      deployment !== null && this.around.services.get(service)?.find(deployment)?.hasOutlived === true;
    const dead = this.legs.find(({ service, from, to }) => hasOutlived(service, from) && !hasOutlived(service, to));
    if (dead !== undefined) this.withdraw(`${dead.to} ended while nobody supervised it`);
  }

  private newFault(leg: Leg): Fault | null {
    const { faults } = this.candidate(leg);
    return faults.length > this.faultsBefore.get(leg.to)! ? faults.at(-1)! : null;
  }

  /** Counts from the beginning, so that there is something to compare the new ones with. */
  private async sampleTraffic(): Promise<void> {
    while (this.committedAtMs === null && !isFinal(this.stage) && !this.isOver && !this.left.aborted) {
      const watchers = await this.around.registry.readWatchers({ signal: this.left }).catch(() => null);
      if (watchers !== null) this.traffic.take(watchers, this.around.now());
      await pause(SAMPLE_EVERY_MS, undefined, { signal: this.left, ref: false }).catch(() => undefined);
    }
  }

  private async step(): Promise<void> {
    const step = WAY[this.stage as Exclude<SwapStage, FinalStage>];
    let signal: SwapSignal;
    try {
      signal = await step(this);
    } catch (error) {
      this.leaving.signal.throwIfAborted();
      const isWithdrawn = this.withdrawing.signal.aborted && error === this.withdrawing.signal.reason;
      signal = isWithdrawn && nextStageOrNull(this.stage, 'withdrawn') !== null ? 'withdrawn' : 'failed';
      this.note(faultOf(error as Error));
    }
    this.leaving.signal.throwIfAborted();
    await this.reach(signal);
  }

  private async reach(signal: SwapSignal): Promise<void> {
    const stage = nextStage(this.stage, signal);
    // One promotion ends one stage: a preview that is promoted still has its bake.
    this.promotedNow = false;
    await this.stand(stage);
    if (stage !== this.recordNow.request.holdAt) return;
    this.tell('held here, for a test', {}, true);
    await this.changes.until(() => false, this.left);
  }

  /** The stage is reached, in the journal and for those who watch. */
  private async stand(stage: SwapStage): Promise<void> {
    const timeline = [...this.recordNow.timeline, { stage, atMs: this.sinceMs() }];
    this.note({ stage, ...(stage === this.stage && timeline.length > 1 ? {} : { timeline }) });
    try {
      await this.around.journal.append(this.id, this.recordNow);
    } catch (error) {
      const { message } = error as Error;
      // What cannot be remembered must not change anything; what is changed already goes on, and the registry remembers.
      if (isToBeJournaled(stage)) {
        this.note({ reason: `its journal cannot be written: ${message}` });
        await this.stand('aborting');
        return;
      }
      this.tell(`its journal cannot be written: ${message}`);
    }
    this.tell('', stage === 'committed' ? { epoch: this.recordNow.epoch! } : {});
  }

  private async end(): Promise<void> {
    this.note({ requests: this.requests() });
    const report = reportOf(this.recordNow, this.around.date());
    await this.locks.release();
    await this.around.remember(report).catch((error: Error) => this.tell(`its report is not kept: ${error.message}`));
    this.settle(report);
  }

  private requests(): SwapRecord['requests'] {
    const deployments = this.legs.flatMap(({ from, to }) => (from === null ? [to] : [from, to]));
    return Object.fromEntries(
      deployments.map((deployment) => {
        const { requests, failed, latencyMs } = this.traffic.of(deployment);
        return [deployment, { requests, failed, meanLatencyMs: requests === 0 ? 0 : round(latencyMs / requests) }];
      }),
    );
  }

  private sinceMs(): number {
    return Math.max(0, Math.round(this.around.now() - this.began));
  }
}

const round = (ms: number): number => Math.round(ms * 10) / 10;

function nextStageOrNull(stage: SwapStage, signal: SwapSignal): SwapStage | null {
  try {
    return nextStage(stage, signal);
  } catch {
    return null;
  }
}

/** What an error says of the swap. */
const faultOf = (error: Error): Pick<SwapRecord, 'reason' | 'lines'> => ({
  reason: error.message,
  lines: [...((error as { readonly lines?: readonly string[] }).lines ?? [])],
});
