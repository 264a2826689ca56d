/** What may be asked of a swap: by `yard swap`, `rollback`, `promote` and `abort`, over the supervisor's socket. */
import { z } from 'zod';
import { swapStages } from './swap-stage.ts';

const names = z.array(z.string().max(100)).min(1).max(50);

export const swapRequest = z.strictObject({
  /** Services, or `gateway`, or `registry` (each of these two alone). */
  services: names,
  kind: z.enum(['swap', 'rollback']),
  /** Null: as switchyard.yaml says. */
  bakeMs: z.int().min(0).max(86_400_000).nullable(),
  /** First share of a canary, 1 to 99; null: no canary. */
  canaryPercent: z.int().min(1).max(99).nullable(),
  isPreview: z.boolean(),
  /** The deployment before is stopped as soon as it is drained. */
  isWithoutRollback: z.boolean(),
  /** Whether the asker stays until the end of the bake; if not, the answer comes once the one before is drained, and the next swap may end the bake. */
  waitsForBake: z.boolean(),
  /**
   * When the command was typed (ms since 1970): a swap that was asked for while another one of the service was under way is refused, also
   * when that one has ended meanwhile; whoever asked did not know of it.
   */
  askedAtMs: z.number(),
  /** For tests: stop at this stage, once it is in the journal, until the supervisor ends. */
  holdAt: z.enum(swapStages).nullable(),
});
export type SwapRequest = z.infer<typeof swapRequest>;
