/** spawned -> healthy: every instance is well, is the one that was started, and stays so for several answers in a row. */
import { checkHealth as askHealth } from '../../keeping/health-check.ts';
import { lastLines } from '../../logs/last-lines.ts';
import { untilSteady } from '../healthy.ts';
import { SwapFault } from '../swap-fault.ts';
import type { Leg, Step, Swap } from '../swap.ts';

const ANSWERS = 5;
const EVERY_MS = 200;
const ASK_TIMEOUT_MS = 2_000;
/** To register, and for other instances to start one after another, beyond the time that one may take to start. */
export const REGISTER_MS = 20_000;
const LINES_SHOWN = 15;

export const checkHealth: Step = async (swap) => {
  await swap.whileWell(async (signal) => {
    await Promise.all(swap.legs.map((leg) => untilReady(swap, leg, signal)));
    swap.tell('it answers; looking whether it goes on');
    await Promise.all(swap.legs.map((leg) => untilProven(swap, leg, signal)));
  });
  return 'done';
};

async function untilReady(swap: Swap, leg: Leg, signal: AbortSignal): Promise<void> {
  const part = swap.candidate(leg);
  const { instances, startTimeoutMs } = part.release!.entry;
  const deadline = AbortSignal.timeout(startTimeoutMs * instances + REGISTER_MS);
  const isReady = () => {
    const all = part.instances();
    return all.length === instances && all.every(({ phase }) => phase === 'ready');
  };
  await swap.changes.until(isReady, AbortSignal.any([signal, deadline])).catch(async (error: Error) => {
    if (!deadline.aborted) throw error;
    throw new SwapFault(
      `${leg.to} is not ready after ${(startTimeoutMs * instances + REGISTER_MS) / 1_000} s: ${part.detail}`,
      await lastLinesOf(swap, leg),
    );
  });
}

async function untilProven(swap: Swap, leg: Leg, signal: AbortSignal): Promise<void> {
  const part = swap.candidate(leg);
  const { health, startTimeoutMs } = part.release!.entry;
  await Promise.all(
    part.instances().map(async ({ record, host }) => {
      const question = {
        hosts: [host!],
        port: record.ports['http']!,
        health,
        instanceId: record.id,
        timeoutMs: ASK_TIMEOUT_MS,
      };
      const why = await untilSteady(() => askHealth(question), {
        answers: ANSWERS,
        everyMs: EVERY_MS,
        deadlineMs: startTimeoutMs,
        signal,
        now: () => swap.around.now(),
      });
      if (why !== null) throw new SwapFault(`${leg.to} does not stay well: ${why}`, await lastLinesOf(swap, leg));
    }),
  );
}

/** What the new deployment, its first instance, logged last. */
export async function lastLinesOf(swap: Swap, leg: Leg): Promise<string[]> {
  const [instance] = swap.candidate(leg).instances();
  return instance === undefined ? [] : lastLines(instance.record.logFile, LINES_SHOWN);
}
