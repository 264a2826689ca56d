/** What the journal holds of a swap that is not over: everything that another supervisor needs to finish or undo it. */
import { z } from 'zod';
import { swapReport } from './swap-report.ts';
import { swapRequest } from './swap-request.ts';
import { isFinal, swapStages } from './swap-stage.ts';
import type { SwapReport } from './swap-report.ts';

export const swapRecord = swapReport.omit({ endedAt: true, outcome: true }).extend({
  stage: z.enum(swapStages),
  request: swapRequest,
  /** Share of the new deployment while a canary runs. */
  canaryPercent: z.int().nullable(),
  /** When the bake ends (ISO 8601, UTC); null before it has begun. */
  bakesUntil: z.string().nullable(),
  /** A lock could not be had: the exit code is another one. */
  isLockedOut: z.boolean(),
});
export type SwapRecord = z.infer<typeof swapRecord>;

/** The report of a swap that is over. */
export function reportOf(record: SwapRecord, endedAt: Date): SwapReport {
  const { stage, request: _request, canaryPercent: _percent, bakesUntil: _until, isLockedOut: _out, ...rest } = record;
  if (!isFinal(stage)) throw new Error(`a swap that is ${stage} is not over`);
  const outcome = stage === 'retired' ? 'done' : stage;
  return { ...rest, endedAt: endedAt.toISOString(), outcome };
}
