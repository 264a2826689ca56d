/** Starts the supervisor of a yard in the background, as a process that outlives the command. */
import { spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { CommandFailed } from '../command.ts';
import { lastLines } from '../logs/last-lines.ts';
import { makePrivateFolder } from '../state/atomic-file.ts';
import type { YardFolder } from '../yard-folder.ts';
import { readSupervisorFile } from './socket-place.ts';

const SUPERVISOR_TIMEOUT_MS = 30_000;
const POLL_MS = 30;

/** Resolves once the supervisor answers. What it says before that is the reason if it does not. */
export async function launchSupervisor(folder: YardFolder, env: NodeJS.ProcessEnv): Promise<void> {
  const logs = join(folder.logs, 'yard');
  await makePrivateFolder(logs);
  const logFile = join(logs, 'supervisor.log');
  const log = openSync(logFile, 'w', 0o600);
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1]!, 'supervise'], {
    cwd: folder.root,
    env,
    detached: true,
    stdio: ['ignore', log, log],
  });
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  let hasEnded = false;
  void ended.then(() => {
    hasEnded = true;
  });
  child.unref();
  const deadlineMs = performance.now() + SUPERVISOR_TIMEOUT_MS;
  while (performance.now() < deadlineMs) {
    if ((await readSupervisorFile(folder))?.pid === child.pid) return;
    if (hasEnded) {
      const [first = 'the supervisor could not be started', ...rest] = await lastLines(logFile, 20);
      throw new CommandFailed(first.replace(/^yard: /, ''), rest.length === 0 ? {} : { hint: rest.join('\n') });
    }
    await pause(POLL_MS);
  }
  throw new CommandFailed(`the supervisor does not answer after ${SUPERVISOR_TIMEOUT_MS / 1_000} s`, {
    hint: `${logFile} may say why`,
  });
}
