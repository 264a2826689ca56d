/** A copy of the front's sources inside a yard under test, so that a test may change them: its assets then have other names. */
import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parse, stringify } from 'yaml';
import { REPOSITORY } from './yard-under-test.ts';

const WORDS = 'services/front/src/words/en.ts';
const STYLES = 'services/front/web/src/styles/tokens.css';

interface YardFile {
  services: Record<string, { dir: string; build: string }>;
}

export class OwnFront {
  private readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Into the folder of a yard that does not run yet; its switchyard.yaml names the copy. The server is taken as it was compiled. */
  static async create(yardFolder: string): Promise<OwnFront> {
    const folder = path.join(yardFolder, 'own');
    const dir = path.join(folder, 'services/front');
    await mkdir(path.dirname(dir), { recursive: true });
    await cp(path.join(REPOSITORY, 'services/front'), dir, {
      recursive: true,
      filter: (source) => !source.endsWith('dist/web'),
    });
    await cp(path.join(REPOSITORY, 'tsconfig.base.json'), path.join(folder, 'tsconfig.base.json'));
    // What its tsconfig.json refers to.
    for (const name of ['contracts', 'kit']) await symlink(path.join(REPOSITORY, name), path.join(folder, name));
    await linkPackages(path.join(REPOSITORY, 'node_modules'), path.join(folder, 'node_modules'));

    const file = path.join(yardFolder, 'switchyard.yaml');
    const yard = parse(await readFile(file, 'utf8')) as YardFile;
    Object.assign(yard.services['front']!, {
      dir,
      build: 'node ../../node_modules/vite/bin/vite.js build web --logLevel warn',
    });
    await writeFile(file, stringify(yard));
    return new OwnFront(folder);
  }

  /** Another script and another stylesheet; pages of the new build have this in the box where one writes. */
  async change(placeholder: string): Promise<void> {
    await this.edit(WORDS, (text) => {
      const [before, after] = text.split(/placeholder: 'What is new\?'/);
      if (after === undefined) throw new Error(`${WORDS} has other words for a new post than expected`);
      return `${before}placeholder: ${JSON.stringify(placeholder)}${after}`;
    });
    await this.edit(STYLES, (text) => `${text}\n.changed {\n  color: var(--ink);\n}\n`);
  }

  private async edit(file: string, change: (text: string) => string): Promise<void> {
    const at = path.join(this.folder, file);
    await writeFile(at, change(await readFile(at, 'utf8')));
  }
}

/** Each package by a link of its own: what is reached through a link to the whole folder has no place beside the copy. */
async function linkPackages(from: string, to: string): Promise<void> {
  await mkdir(to);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    if (entry.name.startsWith('.')) continue;
    if (entry.name.startsWith('@') && entry.isDirectory())
      await linkPackages(path.join(from, entry.name), path.join(to, entry.name));
    else await symlink(path.join(from, entry.name), path.join(to, entry.name));
  }
}
