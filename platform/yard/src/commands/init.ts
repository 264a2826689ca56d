/** `yard init`: write a first switchyard.yaml. */
import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { CommandFailed, EXIT } from '../command.ts';
import type { Command } from '../command.ts';
import { firstYardFile, proposeServices } from '../init/first-yard-file.ts';
import { SCHEMA_FILE } from '../yard-file/json-schema.ts';
import { YARD_FILE } from '../yard-folder.ts';

export const initCommand: Command = {
  name: 'init',
  usage: '',
  summary: 'write a first switchyard.yaml',
  details:
    'Looks for programs here and up to two folders below (package.json, manage.py, main.py, pom.xml, go.mod and others)\nand proposes an entry for each. Never overwrites a file.',
  options: {},
  run: async ({ cwd, stdout, colours }) => {
    const file = join(cwd, YARD_FILE);
    if (lstatSync(file, { throwIfNoEntry: false }) !== undefined) throw alreadyThere();
    const services = proposeServices(cwd);
    try {
      await writeFile(file, firstYardFile(services, schemaReference(cwd)), { flag: 'wx' });
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      throw code === 'EEXIST' ? alreadyThere() : new CommandFailed(`cannot write ${YARD_FILE}: ${message}`);
    }
    stdout.write(`${colours.green('wrote')} ${YARD_FILE}\n`);
    for (const { name, because } of services) stdout.write(`  ${name}: found by ${because}\n`);
    if (services.length === 0) stdout.write('  no program was recognised here; it holds an example that runs\n');
    if (existsSync(join(cwd, '.git')) && !isIgnored(cwd)) {
      stdout.write(`Put ${colours.bold('.yard/')} into .gitignore: it will hold data, keys and passwords.\n`);
    }
    stdout.write('Next: read it, then yard check and yard up.\n');
    return EXIT.done;
  },
};

function isIgnored(cwd: string): boolean {
  try {
    return /^\/?\.yard\/?\s*$/m.test(readFileSync(join(cwd, '.gitignore'), 'utf8'));
  } catch {
    return false;
  }
}

const alreadyThere = (): CommandFailed =>
  new CommandFailed(`there is a ${YARD_FILE} here already`, {
    hint: 'yard check judges it; yard init never overwrites',
  });

/** As an editor finds it: relative while both are in one tree, else a URL; null when this installation has none. */
function schemaReference(cwd: string): string | null {
  for (let folder = import.meta.dirname; dirname(folder) !== folder; folder = dirname(folder)) {
    const schema = join(folder, SCHEMA_FILE);
    if (!existsSync(schema)) continue;
    const near = relative(cwd, schema);
    return near.startsWith(`..${sep}`) ? pathToFileURL(schema).href : near.split(sep).join('/');
  }
  return null;
}
