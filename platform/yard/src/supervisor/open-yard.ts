/** Opens the folder of a yard for its one supervisor: the lock, and everything that is kept in `.yard`. */
import { chmod } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { YardFile } from '@switchyard/contracts/yard-file';
import { CommandFailed } from '../command.ts';
import { readSupervisorFile } from '../control/socket-place.ts';
import { operatorToken, ServiceKeys } from '../keys/service-keys.ts';
import { YardLog } from '../logs/yard-log.ts';
import { Releases } from '../releases/releases.ts';
import { ProcessRuntime } from '../runtime/process-runtime.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { makePrivateFolder } from '../state/atomic-file.ts';
import { yardId, YardState } from '../state/yard-state.ts';
import { systemFault } from '../system-fault.ts';
import type { YardFolder } from '../yard-folder.ts';
import { SupervisorLock } from './supervisor-lock.ts';

export interface OpenYard {
  readonly folder: YardFolder;
  readonly yard: YardFile;
  readonly id: string;
  readonly lock: SupervisorLock;
  readonly state: YardState;
  readonly keys: ServiceKeys;
  readonly operatorToken: string;
  readonly runtime: Runtime;
  readonly releases: Releases;
  readonly log: YardLog;
}

/** Throws CommandFailed when another supervisor has the yard. */
export async function openYard(folder: YardFolder, yard: YardFile, now: () => Date): Promise<OpenYard> {
  const lock = await lockYard(folder);
  try {
    const logFile = join(folder.logs, 'yard', 'yard.log');
    await makePrivateFolder(dirname(logFile));
    return {
      folder,
      yard,
      lock,
      id: await yardId(folder),
      state: await YardState.open(folder.stateFile),
      keys: await ServiceKeys.open(folder.keys),
      operatorToken: await operatorToken(folder.operatorToken),
      runtime: new ProcessRuntime(folder.instances),
      releases: new Releases(folder),
      log: new YardLog(logFile, now),
    };
  } catch (error) {
    lock.release();
    throw asCommandFailed(error as Error);
  }
}

/** Also for commands that change what a supervisor would: `yard down` without one, restore, reset. */
export async function lockYard(folder: YardFolder): Promise<SupervisorLock> {
  let lock;
  try {
    await makePrivateFolder(folder.state);
    await chmod(folder.state, 0o700);
    lock = SupervisorLock.take(folder.lockFile);
  } catch (error) {
    throw asCommandFailed(error as Error);
  }
  if (lock !== null) return lock;
  const holder = await readSupervisorFile(folder);
  throw new CommandFailed(
    `this yard is already up${holder === null ? '' : `: its supervisor has pid ${holder.pid}, since ${holder.startedAt}`}`,
    { hint: 'yard status shows it, yard down stops it' },
  );
}

const asCommandFailed = (error: Error): CommandFailed =>
  systemFault(error) ?? new CommandFailed(error.message, { cause: error });
