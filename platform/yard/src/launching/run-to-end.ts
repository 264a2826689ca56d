/** Runs a command of a service to its end as an instance of its own: a build, a migration. */
import { stat } from 'node:fs/promises';
import { lastLines } from '../logs/last-lines.ts';
import { StartFault } from '../runtime/runtime.ts';
import type { InstanceEnd, InstanceSpec, Runtime } from '../runtime/runtime.ts';

const LINES_SHOWN = 15;
/** From SIGTERM to SIGKILL, for what is not over in time and for what an ended command has left running. */
const GRACE_MS = 1_000;

export interface CommandRun {
  readonly runtime: Runtime;
  /** What it writes is appended to `logFile`. A role other than `instance` in its labels: nobody may take it over. */
  readonly spec: InstanceSpec;
  readonly timeoutMs: number;
  /** Gives it up: the command is stopped, and the reason of the signal thrown. */
  readonly signal: AbortSignal;
}

export type RanToEnd =
  | { readonly ok: true }
  /** `how`, for brackets: "exit code 3". `lines`: the last it wrote. */
  | { readonly ok: false; readonly how: string; readonly lines: readonly string[] };

/**
 * As an instance it ends with the yard, also with one that was killed: what is found of it is stopped. Nothing of it runs once this has
 * settled. Throws only when it was given up, or could not be watched.
 */
export async function runToEnd({ runtime, spec, timeoutMs, signal }: CommandRun): Promise<RanToEnd> {
  signal.throwIfAborted();
  const before = await sizeOf(spec.logFile);
  const failed = async (how: string): Promise<RanToEnd> => ({
    ok: false,
    how,
    lines: await lastLines(spec.logFile, LINES_SHOWN, before),
  });
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    await runtime.start(spec);
    const end = await runtime.ended(spec.id, AbortSignal.any([signal, timeout]));
    return end.code === 0 ? { ok: true } : await failed(howItEnded(end));
  } catch (error) {
    signal.throwIfAborted();
    if (timeout.aborted) return await failed(`it did not end within ${spoken(timeoutMs)}`);
    if (error instanceof StartFault) return await failed(error.message);
    throw error;
  } finally {
    await runtime.stop(spec.id, { graceMs: GRACE_MS });
  }
}

function howItEnded({ code, signal }: InstanceEnd): string {
  if (signal !== null) return signal;
  return code === null ? 'nobody saw how it ended' : `exit code ${code}`;
}

function spoken(ms: number): string {
  if (ms < 1_000) return `${ms} ms`;
  return ms % 60_000 === 0 && ms > 60_000 ? `${ms / 60_000} minutes` : `${Math.round(ms / 1_000)} s`;
}

/** So that the lines of an earlier run are not taken for those of this one. */
async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}
