/** One swap of the gateway or the registry: what is known of it, and what both ways have in common. */
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { PartKeeper } from '../keeping/part-keeper.ts';
import { endSentence } from '../keeping/instance-keeper.ts';
import { lastLines } from '../logs/last-lines.ts';
import type { Release } from '../releases/release.ts';
import type { InstanceRecord } from '../runtime/runtime.ts';
import type { SwapReport } from '../swap/swap-report.ts';
import type { SwapRequest } from '../swap/swap-request.ts';
import type { SwapStage } from '../swap/swap-stage.ts';
import { SwapFault } from '../swap/swap-fault.ts';
import type { PlatformPart, PlatformSurroundings } from './platform-surroundings.ts';

const LINES_SHOWN = 15;

export class PlatformSwap {
  readonly id = `swap-${randomBytes(6).toString('hex')}`;
  readonly name: PlatformPart;
  readonly request: SwapRequest;
  readonly around: PlatformSurroundings;
  /** Aborted when the supervisor ends, and when it is given up. */
  readonly left: AbortSignal;
  readonly startedAt: string;
  /** From here on, a fault is taken back and does not only give up. */
  hasChanged = false;
  private readonly from: string | null;
  private to: string | null = null;
  private stageNow: SwapStage = 'asked';
  private readonly beganMs: number;
  private readonly withdrawing = new AbortController();
  private readonly timeline: { stage: SwapStage; atMs: number }[] = [];

  constructor(name: PlatformPart, request: SwapRequest, around: PlatformSurroundings, left: AbortSignal) {
    this.name = name;
    this.request = request;
    this.around = around;
    this.left = AbortSignal.any([left, this.withdrawing.signal]);
    this.from = around.parts[name].release?.deployment ?? null;
    this.startedAt = around.date().toISOString();
    this.beganMs = around.now();
  }

  get part(): PartKeeper {
    return this.around.parts[this.name];
  }
  get stage(): SwapStage {
    return this.stageNow;
  }

  /** Gives it up, unless it is too late for that. */
  withdraw(): boolean {
    if (this.hasChanged) return false;
    this.withdrawing.abort(new SwapFault('it was given up (yard abort)'));
    return true;
  }

  /** The stage is reached. */
  async stand(stage: SwapStage): Promise<void> {
    this.stageNow = stage;
    this.timeline.push({ stage, atMs: this.sinceMs() });
    const isHeld = this.request.holdAt === stage;
    this.tell(isHeld ? 'held here, for a test' : '', isHeld);
    if (isHeld) await this.around.changes.until(() => false, this.left);
    this.left.throwIfAborted();
  }

  tell(detail: string, isHeld = false): void {
    this.around.tell({
      kind: 'swap',
      id: this.id,
      services: this.services(),
      stage: this.stage,
      detail,
      sinceMs: this.sinceMs(),
      figures: {},
      ...(isHeld ? { isHeld } : {}),
    });
  }

  /** What runs, and what is to: a new release of what is there, or of a rollback the one before. */
  async releases(): Promise<{ readonly old: Release; readonly next: Release }> {
    const { part, around, name } = this;
    const old = part.release;
    if (old === null || part.state !== 'ready') throw new SwapFault(`${name} does not run: ${part.detail}`);
    const tell = (detail: string): void => this.tell(detail);
    const next =
      this.request.kind === 'rollback'
        ? await this.before(old)
        : await around.preparation.prepareNew(around.source(name), tell, this.left);
    // The successor gets the address of the one before, and everybody else goes on looking for it there.
    const changed = addressOf(old) !== addressOf(next);
    if (changed) throw new SwapFault(`the address of ${name} has changed: yard down and yard up, to move it`);
    this.to = next.deployment;
    return { old, next };
  }

  /** Rejects as soon as the instance ends, with its last lines; else as `work` does. */
  async whileItLives<T>(record: InstanceRecord, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const over = new AbortController();
    const signal = AbortSignal.any([over.signal, this.left]);
    const death = this.around.runtime.ended(record.id, signal).then(async (end) => {
      const lines = await lastLines(record.logFile, LINES_SHOWN);
      throw new SwapFault(`${record.deployment}: ${endSentence(end)}`, lines);
    });
    death.catch(() => undefined);
    try {
      return await Promise.race([death, work(signal)]);
    } finally {
      over.abort();
    }
  }

  /** What became live, for the next supervisor and for a rollback. */
  async setLive(release: Release, standby: Release | null): Promise<void> {
    const { side, deployment } = release;
    await this.around.state.setLive(this.name, deployment, { standby: standby?.deployment ?? null, side });
  }

  pause(ms: number): Promise<void> {
    return pause(ms, undefined, { signal: this.left });
  }

  report(outcome: SwapReport['outcome'], error: Error | null): SwapReport {
    return {
      version: 1,
      id: this.id,
      kind: this.request.kind,
      services: this.services(),
      startedAt: this.startedAt,
      endedAt: this.around.date().toISOString(),
      outcome,
      reason: error?.message ?? null,
      lines: [...((error as { readonly lines?: readonly string[] } | null)?.lines ?? [])],
      timeline: this.timeline,
      epoch: null,
      commitToAcknowledgedMs: null,
      revertMs: null,
      requests: {},
      cut: 0,
    };
  }

  private async before(old: Release): Promise<Release> {
    const { standby } = this.around.state.of(this.name);
    const kept = standby === null ? null : await this.around.releases.find(standby);
    if (kept === null) throw new SwapFault(`no release of ${this.name} before ${old.deployment} is kept`);
    return kept;
  }

  private services(): SwapReport['services'] {
    return { [this.name]: { from: this.from, to: this.to } };
  }

  private sinceMs(): number {
    return Math.max(0, Math.round(this.around.now() - this.beganMs));
  }
}

const addressOf = ({ entry }: Release): string =>
  JSON.stringify([entry.ports, entry.env['HOST'] ?? '', entry.env['ADMIN_PORT'] ?? '']);

/** Labels of an instance that a supervisor goes on with. */
export const kept = ({ labels }: InstanceRecord): Record<string, string> => ({ ...labels, role: 'instance' });
/** Labels of one that it does not. */
export const notKept = ({ labels }: InstanceRecord): Record<string, string> => ({ ...labels, role: 'candidate' });
