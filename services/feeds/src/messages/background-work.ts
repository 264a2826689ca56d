/** Runs rounds of background work as long as there is any, and otherwise waits to be woken. */
import type { Clock } from '@switchyard/kit/clock';
import type { Logger } from '@switchyard/kit/log';
import type { RoundResult } from '../domain/round.ts';

export interface BackgroundWorkOptions {
  readonly name: string;
  readonly round: () => Promise<RoundResult>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Pause between being woken and the round, in which more work gathers: one transaction for all of it. Default 0. */
  readonly gatherMs?: number;
  /** Work that nobody told of (its teller was killed) is found after this long. Default 1 s. */
  readonly pollMs?: number;
}

const HELD_PAUSE_MS = 5;
const FAILED_FIRST_MS = 100;
const FAILED_MAX_MS = 5_000;

export class BackgroundWork {
  private readonly options: BackgroundWorkOptions;
  private running: Promise<void> | null = null;
  private isStopping = false;
  private isWoken = true;
  private cutPause: (() => void) | null = null;
  private isIdle = false;

  constructor(options: BackgroundWorkOptions) {
    this.options = options;
  }

  start(): void {
    this.running ??= this.run();
  }

  /** There may be work now. */
  wake(): void {
    this.isWoken = true;
    if (this.isIdle) this.cutPause?.();
  }

  /** Resolves after the round that is running. */
  async stop(): Promise<void> {
    this.isStopping = true;
    this.cutPause?.();
    await this.running;
  }

  private async run(): Promise<void> {
    const { round, log, name, gatherMs = 0, pollMs = 1_000 } = this.options;
    let failedMs = FAILED_FIRST_MS;
    while (!this.isStopping) {
      this.isWoken = false;
      try {
        const result = await round();
        failedMs = FAILED_FIRST_MS;
        if (result === 'held') await this.pause(HELD_PAUSE_MS);
        if (result !== 'done') continue;
      } catch (error) {
        log.warn({ err: error, work: name, againInMs: failedMs }, 'background work failed; it will be tried again');
        await this.pause(failedMs);
        failedMs = Math.min(failedMs * 2, FAILED_MAX_MS);
        continue;
      }
      if (!this.isWoken) {
        this.isIdle = true;
        await this.pause(pollMs);
        this.isIdle = false;
      }
      if (this.isWoken && gatherMs > 0) await this.pause(gatherMs);
    }
  }

  private async pause(forMs: number): Promise<void> {
    if (this.isStopping) return;
    const over = Promise.withResolvers<void>();
    const cancel = this.options.clock.after(forMs, over.resolve);
    this.cutPause = over.resolve;
    await over.promise;
    this.cutPause = null;
    cancel();
  }
}
