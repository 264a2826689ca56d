/** `yard restore FILE`: put a backup in place of the yard's data. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { dataFolder, placeOfServer, proveServer } from '../backup/embedded-server.ts';
import { restoreBackup, UnfitBackup } from '../backup/restore-backup.ts';
import { whileStopped } from '../backup/stopped-yard.ts';
import { CommandFailed, EXIT } from '../command.ts';
import type { Command } from '../command.ts';
import { findYard } from '../yard-folder.ts';
import { confirm, fileFault, interruptible } from './asking.ts';
import { refuseExternalServer } from './backup.ts';

export const restoreCommand: Command = {
  name: 'restore',
  usage: 'FILE [--force]',
  summary: 'put a backup in place of the data of a stopped yard',
  details: 'The backup is checked whole and its server tried before anything of the present data goes.',
  options: { force: { type: 'boolean', help: 'replace data that are there, without asking' } },
  positionals: { min: 1, max: 1 },
  run: async (invocation) => {
    const { cwd, env, positionals, stdout, colours } = invocation;
    const folder = findYard(cwd);
    const file = resolve(cwd, positionals[0]!);
    refuseExternalServer(env);
    if (!existsSync(file)) throw new CommandFailed(`there is no file ${file}`);
    const manifest = await whileStopped(folder, async () => {
      if ((await dataFolder(folder)) !== null || existsSync(folder.stateFile)) {
        await confirm(invocation, `This replaces the data of ${folder.root}.`, 'force');
      }
      return interruptible((signal) =>
        restoreBackup({
          folder,
          file,
          signal,
          place: () => placeOfServer(folder),
          prove: (place, password) => proveServer(folder, place, password, signal),
        }),
      );
    }).catch((error: unknown) => {
      if (error instanceof UnfitBackup) throw new CommandFailed(`${file} was not restored: ${error.message}`);
      throw fileFault(error, `${file} was not restored`);
    });
    const what = manifest.postgres === null ? 'no databases' : `databases ${manifest.postgres.databases.join(', ')}`;
    stdout.write(`${colours.green('restored')} what was saved at ${manifest.madeAt}: ${what}, keys and registry\n`);
    stdout.write('Next: yard up.\n');
    return EXIT.done;
  },
};
