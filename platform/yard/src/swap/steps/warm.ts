/** healthy -> warm: what switchyard.yaml asks of a new instance before people do. */
import { SwapFault } from '../swap-fault.ts';
import type { Step } from '../swap.ts';
import { warmUp } from '../warm-up.ts';
import { lastLinesOf } from './check-health.ts';

const ANSWER_TIMEOUT_MS = 10_000;

export const warm: Step = async (swap) => {
  await swap.whileWell(async (signal) => {
    for (const leg of swap.legs) {
      const paths = swap.plan(leg.service).declaration.warm;
      if (paths.length > 0) swap.tell(`warming ${leg.to}: ${paths.length} requests`);
      for (const { record, host } of swap.candidate(leg).instances()) {
        const port = record.ports['http']!;
        const fault = await warmUp({ host: host!, port, paths, timeoutMs: ANSWER_TIMEOUT_MS, signal });
        if (fault !== null) throw new SwapFault(`${leg.to} does not warm up: ${fault}`, await lastLinesOf(swap, leg));
      }
    }
  });
  return 'done';
};
