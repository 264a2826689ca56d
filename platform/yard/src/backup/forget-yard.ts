/** Forgets a yard: `.yard` and, where PostgreSQL ran as another user for root, its data elsewhere. */
import { lstat, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ROOT_FOLDER } from '../postgres/placement.ts';
import type { YardFolder } from '../yard-folder.ts';

/** Every folder that belongs to this yard alone, `.yard` last; empty when there is nothing. */
export async function foldersOf(folder: YardFolder): Promise<string[]> {
  const found = new Set<string>();
  const target = await readlink(join(folder.data, 'postgres')).catch(() => null);
  if (target !== null) found.add(dirname(target));
  const id = (await readFile(folder.idFile, 'utf8').catch(() => '')).trim();
  if (id !== '') found.add(join(ROOT_FOLDER, 'yards', id));
  const elsewhere = [];
  for (const path of found) if (isYardHome(path) && (await isThere(path))) elsewhere.push(path);
  return [...elsewhere, ...((await isThere(folder.state)) ? [folder.state] : [])];
}

/** Removes them. What cannot be removed is thrown as the file system does; `.yard` goes last, so that a second try finds the rest. */
export async function forget(folders: readonly string[]): Promise<void> {
  for (const path of folders) await rm(path, { recursive: true, force: true, maxRetries: 3 });
}

/** Bytes below, for the question; what cannot be read counts nothing. */
export async function sizeOf(path: string): Promise<number> {
  let bytes = 0;
  const waiting = [path];
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      const inner = join(folder, entry.name);
      if (entry.isDirectory()) waiting.push(inner);
      else if (entry.isFile()) bytes += (await lstat(inner).catch(() => null))?.size ?? 0;
    }
  }
  return bytes;
}

/** Only ever a folder that a yard made for itself: a link may have been put there by anybody. */
export const isYardHome = (path: string): boolean =>
  dirname(path) === join(ROOT_FOLDER, 'yards') && /^[0-9a-f]{16}$/.test(path.slice(path.lastIndexOf('/') + 1));

const isThere = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );
