/** What a swap needs of the yard around it; it knows of no runtime but through the keepers. */
import type { ServiceDeclaration } from '@switchyard/contracts/yard-file';
import type { RegistryClient } from '@switchyard/kit/registry/client';
import type { Changes } from '../keeping/changes.ts';
import type { ServiceKeeper } from '../keeping/service-keeper.ts';
import type { BuildSource, Preparation } from '../launching/prepare-release.ts';
import type { Release } from '../releases/release.ts';
import type { Releases } from '../releases/releases.ts';
import type { Journal } from '../state/journal.ts';
import type { YardState } from '../state/yard-state.ts';
import type { SwapRecord } from './swap-record.ts';
import type { SwapEvent, SwapReport } from './swap-report.ts';

/** What switchyard.yaml says of a service at the moment of the swap; it is read anew for each. */
export interface SwapPlan {
  readonly source: BuildSource;
  readonly declaration: ServiceDeclaration;
}

export interface SwapSurroundings {
  readonly services: ReadonlyMap<string, ServiceKeeper>;
  /** With the operator's token. */
  readonly registry: RegistryClient;
  readonly preparation: Preparation;
  readonly releases: Releases;
  readonly state: YardState;
  readonly changes: Changes;
  readonly journal: Journal<SwapRecord>;
  /** Throws a sentence when the file has a fault, or no such service any more. */
  plan(service: string): SwapPlan;
  /** What the file said when the supervisor started. */
  planAtStart(service: string): SwapPlan;
  /** Tells the registry what the file says now of routes. */
  declare(signal: AbortSignal): Promise<void>;
  /**
   * Whether a watcher is an instance of this yard whose process is over: it routes nobody, however long its lease lasts. What one swap has
   * stopped would else hold up the next one for up to 10 s. Of anybody else the lease alone tells.
   */
  hasEnded(watcher: string): boolean;
  /** Runs a hook of a release to its end; rejects with a sentence and the last lines of its log. */
  runHook(release: Release, which: 'migrate' | 'contract', signal: AbortSignal): Promise<void>;
  /** The swap is over: its report goes to the history, what is not needed any more is removed. */
  remember(report: SwapReport): Promise<void>;
  tell(event: SwapEvent): void;
  /** What people should know of, but nothing stops for. */
  warn(message: string): void;
  /** Milliseconds that only go forwards. */
  now(): number;
  date(): Date;
}
