/** One deployment as the gateway routes to it: its instances, what is under way there, and what has come of what was sent. */
import type { Traffic } from '@switchyard/contracts/registry';
import { Breaker } from './breaker.ts';
import type { Instance } from './instance.ts';

export class Deployment {
  readonly id: string;
  readonly service: string;
  readonly breaker = new Breaker();
  /** Live, or in a split: it gets requests and keeps its streams. */
  isServing = false;
  /** Percent of the service's requests, by the table. */
  share = 0;
  /** Requests claimed on it and not yet ended, streams included. */
  inFlight = 0;
  /** The three figures of its traffic, see `Traffic`. */
  requests = 0;
  failed = 0;
  latencyMs = 0;
  readonly instances = new Map<string, Instance>();
  /** Those of `instances` that are UP: what is chosen from. */
  up: Instance[] = [];
  private readonly drained: () => void;

  /** `drained`: it serves no more, and the last of what was claimed on it has ended. */
  constructor(id: string, service: string, drained: () => void) {
    this.id = id;
    this.service = service;
    this.drained = drained;
  }

  get isDraining(): boolean {
    return !this.isServing && this.inFlight > 0;
  }

  get traffic(): Traffic {
    return { requests: this.requests, failed: this.failed, latencyMs: Math.round(this.latencyMs) };
  }

  claimed(): void {
    this.inFlight += 1;
  }

  released(): void {
    this.inFlight -= 1;
    if (this.inFlight === 0 && !this.isServing) this.drained();
  }

  /** A request has ended; `latencyMs` is the time to the head of its answer, or to its failure. */
  count(hasFailed: boolean, latencyMs: number): void {
    this.requests += 1;
    if (hasFailed) this.failed += 1;
    this.latencyMs += latencyMs;
  }
}
