/** Everything that `yard doctor` looks at, in the order in which it is told. */
import type { YardFile } from '@switchyard/contracts/yard-file';
import { dataFolder } from '../backup/embedded-server.ts';
import { hasSupervisor } from '../backup/stopped-yard.ts';
import { commandOf, processFacts } from '../runtime/processes.ts';
import { faultLine } from '../yard-file/yard-fault.ts';
import { readYardFile } from '../yard-file/read-yard-file.ts';
import type { YardFolder } from '../yard-folder.ts';
import { examineCertificate } from './certificate.ts';
import { examineDatabase, examineRestore } from './database.ts';
import { well, wrong } from './finding.ts';
import type { Finding } from './finding.ts';
import { examineMachine } from './machine.ts';
import { examinePorts } from './ports.ts';
import { examineServices } from './programs.ts';
import { examineClockOf, examineInstances, examinePermissions } from './state-folder.ts';

/** `folder` null: outside of any yard, only the machine is looked at. Reads, connects to nothing but loopback and YARD_POSTGRES_URL, changes nothing. */
export async function examineYard(
  folder: YardFolder | null,
  surroundings: { readonly cwd: string; readonly env: NodeJS.ProcessEnv; readonly nowMs: number },
): Promise<Finding[]> {
  const { cwd, env, nowMs } = surroundings;
  const machine = await examineMachine(folder?.root ?? cwd, nowMs);
  if (folder === null) return [...machine, await examineDatabase(env)];
  const read = readYardFile(folder.file);
  const yard = 'yard' in read ? read.yard : null;
  const isSupervised = hasSupervisor(folder);
  const data = await dataFolder(folder).catch(() => null);
  const { findings, pids } = await examineInstances(folder, isSupervised);
  const needsServer = yard === null || Object.values(yard.services).some(({ postgres }) => postgres !== undefined);
  return [
    ...machine,
    'faults' in read
      ? wrong('switchyard.yaml', read.faults.map(faultLine).join('; '), 'yard check lists its faults')
      : well('switchyard.yaml', `no fault; services: ${Object.keys(read.yard.services).join(', ')}`),
    ...(needsServer ? [await examineDatabase(env)] : []),
    ...examinePermissions(folder),
    ...examineClockOf(folder, nowMs),
    ...examineRestore(folder, data),
    ...findings,
    ...(yard === null ? [] : await examineRest(yard, folder, { env, pids, data, nowMs })),
  ];
}

async function examineRest(
  yard: YardFile,
  folder: YardFolder,
  of: { env: NodeJS.ProcessEnv; pids: readonly number[]; data: string | null; nowMs: number },
): Promise<Finding[]> {
  const { env, pids, data, nowMs } = of;
  const isOwn = (pid: number): boolean =>
    pids.includes(pid) ||
    pids.includes(processFacts(pid)?.group ?? -1) ||
    (data !== null && (commandOf(pid) ?? '').includes(data));
  return [
    ...(await examineServices(yard, folder.root, env)),
    ...examineCertificate(yard, folder.root, nowMs),
    ...(await examinePorts(yard, isOwn)),
  ];
}
