/** `yard reset`: forget the yard's data, after asking. */
import { foldersOf, forget, sizeOf } from '../backup/forget-yard.ts';
import { whileStopped } from '../backup/stopped-yard.ts';
import { EXIT } from '../command.ts';
import type { Command } from '../command.ts';
import { findYard } from '../yard-folder.ts';
import { confirm, fileFault } from './asking.ts';

export const resetCommand: Command = {
  name: 'reset',
  usage: '[--yes]',
  summary: "forget the yard's data, after asking",
  details:
    'Removes databases, releases, logs and keys; switchyard.yaml and the sources stay. yard backup FILE saves them before.',
  options: { yes: { type: 'boolean', help: 'do not ask' } },
  run: async (invocation) => {
    const { cwd, env, stdout, colours } = invocation;
    const folder = findYard(cwd);
    const folders = await foldersOf(folder);
    if (folders.length === 0) {
      stdout.write('There is nothing to forget.\n');
      return EXIT.done;
    }
    await whileStopped(folder, async () => {
      const sizes = await Promise.all(folders.map(sizeOf));
      const megabytes = Math.round(sizes.reduce((sum, bytes) => sum + bytes, 0) / 1e6);
      await confirm(invocation, `This removes ${folders.join(' and ')} (${megabytes} MB), data and all.`, 'yes');
      await forget(folders);
    }).catch((error: unknown) => {
      throw fileFault(error, 'not everything was removed');
    });
    stdout.write(`${colours.green('forgot')} ${folders.join(', ')}\n`);
    if ((env['YARD_POSTGRES_URL'] ?? '') !== '') {
      stdout.write('Databases and roles on the server at YARD_POSTGRES_URL were left as they are.\n');
    }
    return EXIT.done;
  },
};
