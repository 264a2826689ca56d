/** Copies files one after another and sums them on the way, so that what is written is what was summed. */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { FileSum } from './manifest.ts';

const CHUNK_BYTES = 1_048_576;

/** Size and SHA-256 of a file. */
export async function sumOf(file: string, signal: AbortSignal): Promise<{ sizeBytes: number; sha256: string }> {
  return readThrough(file, signal, () => Promise.resolve());
}

/** A copy for the owner alone; null when there is no such file (any more). */
export async function copySummed(
  from: string,
  to: string,
  signal: AbortSignal,
): Promise<{ sizeBytes: number; sha256: string } | null> {
  let target;
  try {
    await mkdir(dirname(to), { recursive: true, mode: 0o700 });
    target = await open(to, 'wx', 0o600);
    return await readThrough(from, signal, async (chunk) => {
      await target!.writeFile(chunk);
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  } finally {
    await target?.close();
  }
}

/** Folders and regular files below `root`, folders before what is in them; what vanishes meanwhile is left out, links and sockets are. */
export async function listTree(
  root: string,
  isLeftOut: (path: string, isFolder: boolean) => boolean = () => false,
): Promise<{ folders: string[]; files: string[] }> {
  const folders: string[] = [];
  const files: string[] = [];
  const waiting = [''];
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    let entries;
    try {
      entries = await readdir(join(root, folder), { withFileTypes: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue;
      throw error;
    }
    for (const entry of entries) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (isLeftOut(path, entry.isDirectory())) continue;
      if (entry.isDirectory()) {
        folders.push(path);
        waiting.push(path);
      } else if (entry.isFile()) files.push(path);
    }
  }
  return { folders: folders.sort(), files: files.sort() };
}

/** Copies `files` of `root` to `to`; `prefix` begins their paths in the manifest. Those that are gone by now are left out. */
export async function copyAll(
  root: string,
  files: readonly string[],
  to: string,
  { prefix, signal, onFile }: { prefix: string; signal: AbortSignal; onFile: (bytes: number) => void },
): Promise<FileSum[]> {
  const sums: FileSum[] = [];
  for (const path of files) {
    const sum = await copySummed(join(root, path), join(to, path), signal);
    if (sum === null) continue;
    sums.push({ path: `${prefix}/${path}`, ...sum });
    onFile(sum.sizeBytes);
  }
  return sums;
}

async function readThrough(
  file: string,
  signal: AbortSignal,
  take: (chunk: Buffer) => Promise<void>,
): Promise<{ sizeBytes: number; sha256: string }> {
  // never through a link: what an archive or a stranger put there could lead anywhere
  const source = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const hash = createHash('sha256');
    let sizeBytes = 0;
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    for (;;) {
      signal.throwIfAborted();
      const { bytesRead } = await source.read(buffer, 0, CHUNK_BYTES);
      if (bytesRead === 0) return { sizeBytes, sha256: hash.digest('hex') };
      const chunk = buffer.subarray(0, bytesRead);
      hash.update(chunk);
      sizeBytes += bytesRead;
      await take(chunk);
    }
  } finally {
    await source.close();
  }
}
