/** What a swap of the gateway or the registry needs of the yard around it. */
import type { Changes } from '../keeping/changes.ts';
import type { PartKeeper } from '../keeping/part-keeper.ts';
import type { BuildSource, Preparation } from '../launching/prepare-release.ts';
import type { Releases } from '../releases/releases.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { YardState } from '../state/yard-state.ts';
import type { SwapEvent, SwapReport } from '../swap/swap-report.ts';

export type PlatformPart = 'gateway' | 'registry';

export interface PlatformSurroundings {
  readonly parts: { readonly [P in PlatformPart]: PartKeeper };
  readonly runtime: Runtime;
  readonly preparation: Preparation;
  readonly releases: Releases;
  readonly state: YardState;
  readonly changes: Changes;
  /** `.yard`: what is tried out has its files below it. */
  readonly folder: string;
  /** As the yard file says now; throws a sentence when it has a fault. */
  source(part: PlatformPart): BuildSource;
  /** The swap is over: its report goes to the history, what is not needed any more is removed. */
  remember(report: SwapReport): Promise<void>;
  tell(event: SwapEvent): void;
  /** What people should know of, but nothing stops for. */
  warn(message: string): void;
  /** Milliseconds that only go forwards. */
  now(): number;
  date(): Date;
}
