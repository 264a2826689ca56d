/** Starts an instance through a running one, which alone can give its listening sockets away: by a launch file and a signal. */
import { constants } from 'node:os';
import { rm } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { writeFileAtomic } from '../state/atomic-file.ts';
import type { InstanceRecords, ProcessRecord } from './instance-records.ts';
import { catchesSignal, isAlive, processFacts, sendSignal } from './processes.ts';
import type { ProcessIdentity } from './processes.ts';
import { StartFault } from './runtime.ts';
import type { InstanceSpec } from './runtime.ts';

/** Name of the variable by which an instance is told where its launch file will be; who has it understands SIGUSR2. */
export const SUCCESSOR_FILE = 'SUCCESSOR_FILE';

/**
 * As every instance is made, it writes its process id first. Then it looks for its record: whoever has given it up meanwhile has
 * removed the record before looking for the process id, so that one of the two always sees the other.
 */
const LAUNCH = 'echo $$ >"$0" && { test -e "$1" || { rm -f "$0"; exit 1; }; } && shift && exec "$@"';
const ANSWER_POLL_MS = 20;
const ANSWER_WITHIN_MS = 5_000;

/** Rejects with a StartFault; the caller removes what may have come of it. */
export async function launchThrough(
  holder: ProcessRecord | undefined,
  spec: InstanceSpec,
  records: InstanceRecords,
): Promise<ProcessIdentity> {
  const name = spec.inheritsFrom!;
  const running = holder?.process ?? null;
  if (holder === undefined || running === null || !isAlive(running)) throw new StartFault(`${name} does not run`);
  const { successorFile } = holder;
  if (successorFile === undefined || catchesSignal(running.pid, constants.signals.SIGUSR2) === false)
    throw new StartFault(`${name} does not know how to hand its sockets on; restart it once`);
  try {
    await writeFileAtomic(successorFile, launchFileOf(spec, records), { isDurable: false });
    sendSignal(running.pid, 'SIGUSR2');
    const deadlineMs = performance.now() + ANSWER_WITHIN_MS;
    for (;;) {
      const pid = await records.pidWritten(spec.id);
      if (pid !== null) return { pid, born: processFacts(pid)?.born ?? '' };
      if (!isAlive(running)) throw new StartFault(`${name} ended before it could hand its sockets on`);
      if (performance.now() > deadlineMs)
        throw new StartFault(`${name} did not start its successor within ${ANSWER_WITHIN_MS / 1_000} s`);
      await pause(ANSWER_POLL_MS);
    }
  } finally {
    // The file holds the environment; without it the signal, however late it is seen, starts nothing.
    await rm(successorFile, { force: true });
  }
}

/** What the holder of the sockets starts. */
export function launchFileOf({ id, argv, cwd, env, logFile }: InstanceSpec, records: InstanceRecords): string {
  const launched = ['/bin/sh', '-c', LAUNCH, records.pidFile(id), records.file(id), ...argv];
  return JSON.stringify({ argv: launched, cwd, env, logFile });
}
