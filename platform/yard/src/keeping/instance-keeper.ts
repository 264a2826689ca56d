/** Keeps one place for an instance filled: starts it, waits until it is well, lets it join, and starts it again when it ends. */
import { stat } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { lastLines } from '../logs/last-lines.ts';
import { systemFault } from '../system-fault.ts';
import type { InstanceEnd, InstanceRecord, InstanceSpec, Runtime } from '../runtime/runtime.ts';
import { checkHealth } from './health-check.ts';
import type { HealthAnswer } from './health-check.ts';
import { nextPhase } from './instance-phase.ts';
import type { Phase, Signal } from './instance-phase.ts';
import { failuresAfter, restartPauseMs } from './restart-pause.ts';

const HEALTH_POLL_MS = 100;
const HEALTH_TIMEOUT_MS = 2_000;
/** As many as Node.js says of a program that it does not find. */
const LINES_SHOWN = 15;

/** An instance to be, or one that was found running, with how to tell that it is well. */
export interface Planned {
  readonly spec: InstanceSpec;
  readonly check: HealthPlan;
}
export interface HealthPlan {
  readonly hosts: readonly string[];
  readonly health: string | undefined;
  readonly startTimeoutMs: number;
  readonly stopGraceMs: number;
}

/** An instance that is well. */
export interface WellInstance {
  readonly record: InstanceRecord;
  readonly host: string;
  /** It registers itself. */
  readonly echoes: boolean;
}

/** What the keeper needs of its surroundings; the same for services and for parts of the platform. */
export interface KeeperPorts {
  readonly runtime: Runtime;
  /** Everything up to the spec: release, ports, environment. Rejects with a sentence; tells its progress by `signal`. */
  plan(tell: (signal: 'prepare' | 'wait', detail: string) => void, stopping: AbortSignal): Promise<Planned>;
  /** How a found instance is checked. */
  planFound(record: InstanceRecord): Promise<HealthPlan>;
  /** Registers it and makes it live, until it does; `leaving` is aborted when it ends or is to be stopped. */
  join(instance: WellInstance, leaving: AbortSignal): Promise<void>;
  /** Takes it out of the registry, before it is told to stop. Never rejects. */
  leave(instance: WellInstance): Promise<void>;
  onPhase(phase: Phase, detail: string, tookMs: number | null): void;
  onFault(message: string, lines: readonly string[]): void;
  /** Nothing of this instance is left. */
  onEnded(id: string): void;
  now(): number;
}

export class InstanceKeeper {
  private readonly ports: KeeperPorts;
  private phaseNow: Phase = 'stopped';
  private detailNow = '';
  private current: InstanceRecord | null = null;
  private well: WellInstance | null = null;
  private failures = 0;
  private startsDone = 0;
  private stopper = new AbortController();
  private hastener = new AbortController();
  private waker = new AbortController();
  private running: Promise<void> = Promise.resolve();
  /** Of the release that runs. */
  private graceMs = 0;
  private isLetGo = false;

  constructor(ports: KeeperPorts) {
    this.ports = ports;
  }

  get phase(): Phase {
    return this.phaseNow;
  }
  get detail(): string {
    return this.detailNow;
  }
  get instance(): InstanceRecord | null {
    return this.current;
  }
  get host(): string | null {
    return this.well?.host ?? null;
  }
  /** How often it was started after the first time. */
  get restarts(): number {
    return Math.max(0, this.startsDone - 1);
  }

  /** Begins to keep the place filled, with an instance that was found running if there is one. Not while it is kept already. */
  start(found: InstanceRecord | null = null): void {
    this.stopper = new AbortController();
    this.hastener = new AbortController();
    this.waker = new AbortController();
    this.failures = 0;
    this.move('wait', '');
    this.running = this.keep(found);
  }

  /** Stops the instance and leaves the place empty. Called again with `hasten`, the rest of the grace is not waited for. */
  async stop(hasten = false): Promise<void> {
    if (hasten) this.hastener.abort();
    this.stopper.abort(new Error('stopping'));
    await this.running;
  }

  /** Keeps it no longer; what runs, runs on, and nothing more is told of it here. */
  letGo(): void {
    this.isLetGo = true;
    this.current = null;
    this.well = null;
    this.stopper.abort(new Error('let go'));
  }

  /** Ends a pause between two attempts. */
  wake(): void {
    this.waker.abort();
  }

  private async keep(found: InstanceRecord | null): Promise<void> {
    const stopping = this.stopper.signal;
    let next = found;
    while (!stopping.aborted) {
      const beganMs = this.ports.now();
      let wellSinceMs: number | null = null;
      try {
        await this.fill(next, () => {
          wellSinceMs = this.ports.now();
          return wellSinceMs - beganMs;
        });
      } catch (error) {
        if (stopping.aborted) break;
        this.failures = failuresAfter(this.failures, wellSinceMs === null ? 0 : this.ports.now() - wellSinceMs);
        await this.fail(systemFault(error) ?? (error as Error));
      }
      next = null;
    }
    await this.empty();
  }

  /** One instance from its beginning to its end; always rejects in the end, with the reason as a sentence. */
  private async fill(found: InstanceRecord | null, onWell: () => number): Promise<never> {
    const stopping = this.stopper.signal;
    const { runtime } = this.ports;
    let check: HealthPlan;
    let logFrom = 0;
    if (found === null) {
      const planned = await this.ports.plan((signal, detail) => this.move(signal, detail), stopping);
      stopping.throwIfAborted();
      check = planned.check;
      logFrom = await sizeOf(planned.spec.logFile);
      this.move('start', '');
      this.startsDone += 1;
      this.current = await runtime.start(planned.spec);
    } else {
      check = await this.ports.planFound(found);
      this.current = found;
      this.startsDone = Math.max(1, this.startsDone);
      this.move('start', 'found running');
    }
    const record = this.current;
    this.graceMs = check.stopGraceMs;
    const ending = new AbortController();
    const ended = runtime.ended(record.id, stopping).then((end) => {
      ending.abort();
      return end;
    });
    ended.catch(() => undefined);
    const leaving = AbortSignal.any([stopping, ending.signal]);
    try {
      const host = await this.untilWell(record, check, leaving);
      this.well = { record, ...host };
      await this.ports.join(this.well, leaving);
      this.move('well', `http://localhost:${record.ports['http']}`, onWell());
      throw new Ended(endSentence(await ended));
    } catch (error) {
      if (stopping.aborted) throw error;
      // Whoever was told first, the end of the instance is the reason of everything else.
      const reason = ending.signal.aborted ? endSentence(await ended) : (error as Error).message;
      throw new Ended(reason, await lastLines(record.logFile, LINES_SHOWN, logFrom));
    } finally {
      if (!stopping.aborted) await this.remove(record);
    }
  }

  private async untilWell(
    record: InstanceRecord,
    check: HealthPlan,
    leaving: AbortSignal,
  ): Promise<{ host: string; echoes: boolean }> {
    const port = record.ports['http']!;
    const deadlineMs = this.ports.now() + check.startTimeoutMs;
    const question = {
      hosts: check.hosts,
      port,
      health: check.health,
      instanceId: record.id,
      timeoutMs: HEALTH_TIMEOUT_MS,
    };
    let answer: HealthAnswer;
    for (;;) {
      answer = await checkHealth(question);
      if (answer.kind === 'well') {
        if (answer.echoes || (await this.ports.runtime.holdsPort(record.id, port)) !== false) return answer;
        answer = { kind: 'stranger', why: `port ${port} is answered by a process that the yard did not start` };
      }
      leaving.throwIfAborted();
      if (this.ports.now() > deadlineMs) {
        throw new Error(`not well within ${check.startTimeoutMs / 1_000} s: ${answer.why}`);
      }
      await pause(HEALTH_POLL_MS, undefined, { signal: leaving });
    }
  }

  private async fail(error: Error): Promise<void> {
    const { lines = [] } = error as { readonly lines?: readonly string[] };
    const pauseMs = restartPauseMs(this.failures);
    this.ports.onFault(error.message, lines);
    this.move('failed', `${error.message}; next try in ${pauseMs / 1_000} s`);
    this.waker = new AbortController();
    const awake = AbortSignal.any([this.stopper.signal, this.waker.signal]);
    await pause(pauseMs, undefined, { signal: awake }).catch(() => undefined);
  }

  private async remove(record: InstanceRecord): Promise<void> {
    const { well } = this;
    if (well !== null) await this.ports.leave(well);
    this.well = null;
    await this.ports.runtime.stop(record.id, { graceMs: this.graceMs, hasten: this.hastener.signal });
    // Again, now that it cannot come back: it may have registered itself anew meanwhile, or the registry did not listen the first time.
    if (well !== null) await this.ports.leave(well);
    this.ports.onEnded(record.id);
    this.current = null;
  }

  private async empty(): Promise<void> {
    this.move('stop', '');
    if (this.current !== null) {
      await this.remove(this.current).catch((error: Error) => this.ports.onFault(error.message, []));
    }
    this.current = null;
    this.move('ended', '');
  }

  private move(signal: Signal, detail: string, tookMs: number | null = null): void {
    this.phaseNow = nextPhase(this.phaseNow, signal);
    this.detailNow = detail;
    if (!this.isLetGo) this.ports.onPhase(this.phaseNow, detail, tookMs);
  }
}

/** An instance is over; with the last lines that it wrote. */
class Ended extends Error {
  readonly lines: readonly string[];
  constructor(message: string, lines: readonly string[] = []) {
    super(message);
    this.lines = lines;
  }
}

export function endSentence({ code, signal }: InstanceEnd): string {
  if (signal !== null) return `ended by ${signal}`;
  if (code === null) return 'ended';
  return code === 0 ? 'ended by itself (exit code 0)' : `ended with exit code ${code}`;
}

async function sizeOf(file: string): Promise<number> {
  return (await stat(file).catch(() => null))?.size ?? 0;
}
