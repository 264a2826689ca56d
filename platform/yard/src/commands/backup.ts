/** `yard backup FILE`: save the yard's data in one file, while it runs or is down. */
import { existsSync, lstatSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { dataFolder, runningServer } from '../backup/embedded-server.ts';
import { hasSupervisor } from '../backup/stopped-yard.ts';
import { takeBackup } from '../backup/take-backup.ts';
import { CommandFailed, EXIT, wrongUsage } from '../command.ts';
import type { Command, Invocation } from '../command.ts';
import { SupervisorLock } from '../supervisor/supervisor-lock.ts';
import { readYardFile } from '../yard-file/read-yard-file.ts';
import { findYard } from '../yard-folder.ts';
import type { YardFolder } from '../yard-folder.ts';
import { fileFault, interruptible } from './asking.ts';

export const backupCommand: Command = {
  name: 'backup',
  usage: 'FILE [--force]',
  summary: "save the yard's data in one file, also while it runs",
  details:
    'The file (a .tgz) holds the databases of the embedded PostgreSQL, the keys, the passwords and the operator token: keep it as safe\nas them. Releases and logs are not in it. yard restore FILE puts it back.',
  options: { force: { type: 'boolean', help: 'replace FILE when it is there already' } },
  positionals: { min: 1, max: 1 },
  run: async (invocation) => {
    const { cwd, env, positionals, stdout, colours, values } = invocation;
    const folder = findYard(cwd);
    const file = resolve(cwd, positionals[0]!);
    refuseExternalServer(env);
    if (!existsSync(folder.state))
      throw new CommandFailed('there is nothing to save yet', { hint: 'yard up makes the data' });
    checkTarget(file, values['force'] === true);
    const { sizeBytes, manifest } = await interruptible((signal) => save(folder, file, invocation, signal)).catch(
      (error: unknown) => {
        throw fileFault(error, 'no backup was made');
      },
    );
    const databases = manifest.postgres?.databases ?? [];
    stdout.write(`${colours.green('saved')} ${file} (${megabytes(sizeBytes)} MB): `);
    stdout.write(
      `${manifest.postgres === null ? 'no databases yet' : `databases ${databases.join(', ')}`}, keys and registry\n`,
    );
    stdout.write(colours.dim('It holds keys and passwords; only you can read it. Keep it so.\n'));
    return EXIT.done;
  },
};

export function refuseExternalServer(env: NodeJS.ProcessEnv): void {
  if ((env['YARD_POSTGRES_URL'] ?? '') === '') return;
  throw new CommandFailed('the databases are on the server at YARD_POSTGRES_URL, which is not the yard’s to copy', {
    hint: "use that server's own tools: pg_basebackup for all of it (a dump would break event cursors)",
  });
}

function checkTarget(file: string, mayReplace: boolean): void {
  const found = lstatSync(file, { throwIfNoEntry: false });
  if (found?.isDirectory() === true) throw wrongUsage(`${file} is a folder`, 'name a file, such as backup.tgz');
  if (found !== undefined && !mayReplace)
    throw new CommandFailed(`${file} is there already`, { hint: '--force replaces it' });
  if (!existsSync(dirname(file))) throw new CommandFailed(`there is no folder ${dirname(file)}`);
}

/** A stopped yard is kept stopped; one whose supervisor was killed has a running server, and is copied like a running one. */
async function save(folder: YardFolder, file: string, { stderr }: Invocation, signal: AbortSignal) {
  const lock = SupervisorLock.take(folder.lockFile);
  try {
    const data = await dataFolder(folder);
    const adminUrl = data === null ? null : await runningServer(folder, data);
    if (data !== null && adminUrl === null && lock === null && hasSupervisor(folder)) {
      throw new CommandFailed('PostgreSQL is not running though the yard is', {
        hint: 'wait until yard status says it is ready',
      });
    }
    const read = readYardFile(folder.file);
    const services = 'yard' in read ? Object.values(read.yard.services) : [];
    let copied = 0;
    const onFile = (bytes: number) => {
      copied += bytes;
      if (stderr.isTTY === true) stderr.write(`\rcopying ${megabytes(copied)} MB `);
    };
    const options = { folder, file, data, adminUrl, now: new Date(), signal, onFile };
    return await takeBackup({ ...options, databases: services.flatMap(({ postgres }) => postgres ?? []) });
  } finally {
    if (stderr.isTTY === true) stderr.write('\r\u001b[K');
    lock?.release();
  }
}

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);
