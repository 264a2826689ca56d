/** Changes the live state one decision after the other; none shows before it is saved, and decisions that wait together are saved together. */
import { isRefusal, refuse, Refusal, RefusedRequest } from '@switchyard/kit/errors';
import type { Logger } from '@switchyard/kit/log';
import { registryErrors } from '../errors.ts';
import { REVISION_BLOCK } from './live-state.ts';
import type { LiveState } from './live-state.ts';

/** Decisions that may wait for the disk. */
const WAITING_MAX = 10_000;

export interface StateSaver {
  readonly save: (state: LiveState) => Promise<void>;
}

interface Decision {
  readonly decide: (state: LiveState) => LiveState | Refusal;
  readonly whenSaved: () => void;
  readonly resolve: (result: LiveState | Refusal) => void;
  readonly reject: (error: unknown) => void;
}

export interface LiveStoreOptions {
  readonly state: LiveState;
  readonly saver: StateSaver;
  /** The table's revision at the time of a save. */
  readonly revision: () => number;
  /** Called with each saved state, at once, before its decisions are answered. */
  readonly onSaved: (state: LiveState) => void;
  readonly log: Logger;
}

export class LiveStore {
  private readonly options: LiveStoreOptions;
  private saved: LiveState;
  private waiting: Decision[] = [];
  private isSaving = false;
  private failures = 0;

  constructor(options: LiveStoreOptions) {
    this.options = options;
    this.saved = options.state;
  }

  /** As saved last. */
  get state(): LiveState {
    return this.saved;
  }

  /** Saves that failed since the process began. */
  get failedSaves(): number {
    return this.failures;
  }

  /**
   * `decide` sees the state that all decisions before it have made, and answers the next one (the same object: nothing to save) or a refusal.
   * `whenSaved` runs in the tick in which the change shows.
   *
   * @throws RefusedRequest REGISTRY_NOT_SAVED when the disk did not take it; nothing has changed then
   */
  change(decide: Decision['decide'], whenSaved: () => void = () => {}): Promise<LiveState | Refusal> {
    if (this.waiting.length >= WAITING_MAX)
      return Promise.resolve(refuse(registryErrors.FULL, { detail: 'Too many changes wait for the disk' }));
    return new Promise((resolve, reject) => {
      this.waiting.push({ decide, whenSaved, resolve, reject });
      if (!this.isSaving) void this.saveWaiting();
    });
  }

  private async saveWaiting(): Promise<void> {
    this.isSaving = true;
    while (this.waiting.length > 0) {
      const decisions = this.waiting;
      this.waiting = [];
      let next = this.saved;
      const results = decisions.map(({ decide }) => {
        try {
          const result = decide(next);
          if (!isRefusal(result)) next = result;
          return result;
        } catch (error) {
          return { thrown: error };
        }
      });
      const failure = next === this.saved ? null : await this.save(next);
      if (failure === null) {
        for (const [index, decision] of decisions.entries())
          if (!isRefusal(results[index]) && !('thrown' in results[index]!)) decision.whenSaved();
        this.options.onSaved(this.saved);
      }
      for (const [index, decision] of decisions.entries()) {
        const result = results[index]!;
        if (isRefusal(result)) decision.resolve(result);
        else if ('thrown' in result) decision.reject(result.thrown);
        else if (failure !== null) decision.reject(new RefusedRequest(failure));
        else decision.resolve(result);
      }
    }
    this.isSaving = false;
  }

  private async save(next: LiveState): Promise<Refusal | null> {
    const state: LiveState = {
      ...next,
      sequence: this.saved.sequence + 1,
      revisionCeiling: Math.max(next.revisionCeiling, this.options.revision() + REVISION_BLOCK),
    };
    try {
      await this.options.saver.save(state);
      this.saved = state;
      return null;
    } catch (error) {
      this.failures += 1;
      this.options.log.error({ err: error, epoch: this.saved.epoch }, 'the state could not be saved; nothing changed');
      return refuse(registryErrors.NOT_SAVED, {
        detail: `The registry could not write its state (${(error as NodeJS.ErrnoException).code ?? 'error'}); is the disk full?`,
        retryAfterSeconds: 5,
      });
    }
  }
}
