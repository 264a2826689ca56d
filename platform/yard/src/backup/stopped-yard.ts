/** Makes sure that a yard is down, and keeps it so while something is done to its data. */
import { existsSync } from 'node:fs';
import { CommandFailed } from '../command.ts';
import { InstanceRecords } from '../runtime/instance-records.ts';
import { isAlive } from '../runtime/processes.ts';
import { makePrivateFolder } from '../state/atomic-file.ts';
import { SupervisorLock } from '../supervisor/supervisor-lock.ts';
import type { YardFolder } from '../yard-folder.ts';
import { dataFolder, runningServer } from './embedded-server.ts';

/** Whether a supervisor runs now. */
export function hasSupervisor(folder: YardFolder): boolean {
  if (!existsSync(folder.lockFile)) return false;
  const lock = SupervisorLock.take(folder.lockFile);
  lock?.release();
  return lock === null;
}

/**
 * Runs `work` while no supervisor can start.
 *
 * @throws CommandFailed when something of the yard runs
 */
export async function whileStopped<T>(folder: YardFolder, work: () => Promise<T>): Promise<T> {
  await makePrivateFolder(folder.state);
  const lock = SupervisorLock.take(folder.lockFile);
  if (lock === null) throw running('the yard is running');
  try {
    const alive = (await new InstanceRecords(folder.instances).all()).filter(
      ({ process }) => process !== null && isAlive(process),
    );
    if (alive.length > 0) throw running(`${alive.map(({ id }) => id).join(', ')} still run`);
    const data = await dataFolder(folder);
    if (data !== null && (await runningServer(folder, data)) !== null) throw running('its PostgreSQL still runs');
    return await work();
  } finally {
    lock.release();
  }
}

const running = (what: string): CommandFailed =>
  new CommandFailed(what, { hint: 'yard down stops it; then try again' });
