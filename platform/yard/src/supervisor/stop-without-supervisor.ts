/** Stops what a killed supervisor has left running, by the records alone. */
import { join } from 'node:path';
import { EmbeddedPostgres } from '../postgres/embedded-postgres.ts';
import { ProcessRuntime } from '../runtime/process-runtime.ts';
import type { InstanceRecord } from '../runtime/runtime.ts';
import { makePrivateFolder } from '../state/atomic-file.ts';
import type { YardFolder } from '../yard-folder.ts';
import { existsSync, realpathSync } from 'node:fs';
import { lockYard } from './open-yard.ts';

/** Kit services end by themselves within 9 s. */
const GRACE_MS = 10_000;

/** Answers how many processes there were to stop; `tell` gets a line for each. Throws CommandFailed when a supervisor runs after all. */
export async function stopWithoutSupervisor(
  folder: YardFolder,
  isHastened: boolean,
  tell: (line: string) => void,
): Promise<number> {
  if (!existsSync(folder.state)) return 0;
  const lock = await lockYard(folder);
  try {
    const runtime = new ProcessRuntime(folder.instances);
    const all = await runtime.list();
    const rank = ({ service }: InstanceRecord) => (service === 'gateway' ? 0 : service === 'registry' ? 2 : 1);
    for (const group of [0, 1, 2]) {
      await Promise.all(
        all
          .filter((record) => rank(record) === group)
          .map(async (record) => {
            await runtime.stop(record.id, { graceMs: isHastened ? 0 : GRACE_MS });
            tell(`${record.id} has stopped`);
          }),
      );
    }
    return all.length + (await stopPostgres(folder, tell));
  } finally {
    lock.release();
  }
}

async function stopPostgres(folder: YardFolder, tell: (line: string) => void): Promise<number> {
  const visible = join(folder.data, 'postgres');
  if (!existsSync(visible)) return 0;
  await makePrivateFolder(folder.logs);
  const postgres = new EmbeddedPostgres({
    // Only what stopping needs: where the data are.
    placement: { binaries: '', home: folder.data, data: dataFolder(visible, folder), owner: null },
    binaries: '',
    recordFile: folder.postgresFile,
    logFile: join(folder.logs, 'postgres', 'postgres.log'),
    superuserPassword: '',
  });
  if ((await postgres.survivor()) === null) return 0;
  await postgres.stop();
  tell('postgres has stopped');
  return 1;
}

/** As the server was told it: for root the target of the link, else the plain path. */
function dataFolder(visible: string, folder: YardFolder): string {
  const real = realpathSync(visible);
  return real === join(realpathSync(folder.data), 'postgres') ? visible : real;
}
