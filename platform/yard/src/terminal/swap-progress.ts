/** What has been told of a swap so far, as steps; pure. */
import type { SwapEvent, SwapReport } from '../swap/swap-report.ts';
import { swapStages } from '../swap/swap-stage.ts';
import type { SwapStage } from '../swap/swap-stage.ts';

export interface SwapStep {
  readonly stage: SwapStage;
  /** Since the swap began. */
  readonly atMs: number;
  /** What was told last on the way to it, where that is worth keeping. */
  readonly detail: string;
}

export interface SwapProgress {
  readonly id: string;
  readonly services: SwapReport['services'];
  /** In the order in which they were reached; each stage once in a row. */
  readonly steps: readonly SwapStep[];
  readonly latest: SwapEvent;
  /** The longest time that was left of a bake, or of a step of a canary, since this stage: all of it. Null without one. */
  readonly bakeMs: number | null;
}

/** What is done from a stage, as long as nothing more exact is told. */
export const WORK: Readonly<Record<SwapStage, string>> = {
  asked: 'waiting for its turn',
  locked: 'building',
  built: 'starting',
  spawned: 'waiting until it is well',
  healthy: 'warming up',
  warm: 'making it live',
  preview: 'showing it to those who ask for it',
  canary: 'giving it a share of the requests',
  uncertain: 'asking the registry what is live',
  committed: 'waiting until everyone routes by it',
  acknowledged: 'draining the one before',
  drained: 'watching it',
  baked: 'stopping the one before',
  retired: '',
  aborting: 'undoing',
  aborted: '',
  reverting: 'taking it back',
  reverted: '',
};

/** Stages on whose way a fact is told (a port, how many); on the way to others it is what is being done, and is done then. */
const TOLD_BY_A_FACT: ReadonlySet<SwapStage> = new Set(['spawned', 'warm', 'acknowledged']);

export const STAGE_WIDTH = Math.max(...swapStages.map((stage) => stage.length));

const LIVE: ReadonlySet<SwapStage> = new Set(['committed', 'acknowledged', 'drained', 'baked', 'retired']);

/** Whether the new deployment has all the traffic, and nobody is taking it back. */
export const isLive = (stage: SwapStage): boolean => LIVE.has(stage);

/** An event of another swap begins anew. */
export function progressed(before: SwapProgress | null, event: SwapEvent): SwapProgress {
  const known = before?.id === event.id ? before : null;
  const steps = known?.steps ?? [];
  const isNew = steps.at(-1)?.stage !== event.stage;
  const step = {
    stage: event.stage,
    atMs: event.sinceMs,
    detail: event.detail || factOf(known?.latest ?? null, event),
  };
  const left = event.figures['bakeLeftMs'];
  return {
    id: event.id,
    services: event.services,
    steps: isNew ? [...steps, step] : steps,
    latest: event,
    bakeMs: left === undefined ? (isNew ? null : known!.bakeMs) : Math.max(left, isNew ? 0 : (known!.bakeMs ?? 0)),
  };
}

function factOf(before: SwapEvent | null, { stage, figures }: SwapEvent): string {
  if (before === null) return '';
  if (stage === 'aborting' || stage === 'reverting') return `while ${WORK[before.stage]}`;
  if (stage === 'committed' && figures['epoch'] !== undefined) return `epoch ${figures['epoch']}`;
  return TOLD_BY_A_FACT.has(stage) ? before.detail : '';
}

/** `users-6 -> users-7, feeds-3 -> feeds-4`. */
export const moves = (services: SwapReport['services']): string =>
  Object.entries(services)
    .map(([service, { from, to }]) => `${from ?? `(no ${service})`} -> ${to ?? '…'}`)
    .join(', ');
