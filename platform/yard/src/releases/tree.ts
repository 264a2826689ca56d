/** Reads and copies folder trees: what is in one, the fingerprint of it, and a copy that later edits of the original cannot change. */
import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { constants, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { chmod, copyFile, link, mkdir, symlink } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';

export interface TreeEntry {
  /** Below the root of the tree, with `/`; empty for the root itself. */
  readonly path: string;
  readonly kind: 'file' | 'folder' | 'link';
  readonly sizeBytes: number;
  readonly changedMs: number;
  readonly mode: number;
  /** Of a link, as written. */
  readonly target?: string;
}

/** More entries than this in one service are a mistake (a home folder, a disk). */
export const ENTRIES_MAX = 200_000;
/** Files up to this size are told apart by their content, larger ones by size and time of change. */
const CONTENT_MAX_BYTES = 1_048_576;
const COPIES_AT_ONCE = 16;

/** Everything below `root` in a fixed order; `isLeftOut` is asked with the name and the path below the root. Sockets and devices are skipped. */
export async function readTree(
  root: string,
  isLeftOut: (name: string, path: string) => boolean = () => false,
): Promise<TreeEntry[]> {
  const entries: TreeEntry[] = [];
  const folders = [''];
  for (let index = 0; index < folders.length; index += 1) {
    const folder = folders[index]!;
    for (const found of readdirSync(join(root, folder), { withFileTypes: true }).sort(byName)) {
      const path = folder === '' ? found.name : `${folder}/${found.name}`;
      if (isLeftOut(found.name, path)) continue;
      const entry = entryOf(root, path);
      if (entry === null) continue;
      entries.push(entry);
      if (entry.kind === 'folder') folders.push(path);
    }
    if (entries.length > ENTRIES_MAX) throw new Error(`${root} holds more than ${ENTRIES_MAX} files`);
    // Reading synchronously is five times as fast; probes and sockets get their turn in between.
    if (index % 50 === 49) await breathe();
  }
  return entries;
}

/** What tells one state of a tree from another: paths, modes, links and contents. Equal content is equal, whenever it was written. */
export async function contentFingerprint(root: string, entries: readonly TreeEntry[]): Promise<string> {
  const hash = createHash('sha256');
  for (const [index, entry] of entries.entries()) {
    addEntry(hash, entry);
    if (entry.kind === 'file') {
      if (entry.sizeBytes > CONTENT_MAX_BYTES) hash.update(`${entry.changedMs}\n`);
      else hash.update(readFileSync(join(root, entry.path)));
    }
    if (index % 100 === 99) await breathe();
  }
  return hash.digest('hex');
}

/**
 * The same without reading contents, for packages that nobody edits in the ordinary course: by the time of change (ctime), which no
 * tool can set back. The time of modification would not do: npm gives every file of every version the same one.
 */
export function statFingerprint(entries: readonly TreeEntry[]): string {
  const hash = createHash('sha256');
  for (const entry of entries) {
    addEntry(hash, entry);
    if (entry.kind !== 'folder') hash.update(`${entry.changedMs}\n`);
  }
  return hash.digest('hex');
}

/**
 * Copies the entries; with a copy-on-write clone where the file system can. A link that points inside `root` points inside the copy
 * afterwards; one that points outside keeps its target, made absolute.
 */
export async function copyTree(
  root: string,
  entries: readonly TreeEntry[],
  to: string,
  onCopied: (bytes: number) => void = () => undefined,
): Promise<void> {
  await placeFiles(root, entries, to, async (entry, from, at) => {
    await copyFile(from, at, constants.COPYFILE_FICLONE);
    // A file that its owner may not write could not be removed with its release on some systems.
    if ((entry.mode & 0o200) === 0) await chmod(at, entry.mode | 0o200);
    onCopied(entry.sizeBytes);
  });
}

/** As `copyTree`, with hard links instead of copies: only from what nobody ever writes to, on the same file system. */
export async function linkTree(root: string, entries: readonly TreeEntry[], to: string): Promise<void> {
  await placeFiles(root, entries, to, (_entry, from, at) => link(from, at));
}

async function placeFiles(
  root: string,
  entries: readonly TreeEntry[],
  to: string,
  place: (entry: TreeEntry, from: string, at: string) => Promise<void>,
): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const entry of entries) {
    if (entry.kind === 'folder') await mkdir(join(to, entry.path), { recursive: true, mode: entry.mode | 0o700 });
  }
  const files = entries.filter((entry) => entry.kind === 'file').values();
  const placeNext = async (): Promise<void> => {
    for (const entry of files) await place(entry, join(root, entry.path), join(to, entry.path));
  };
  await Promise.all(Array.from({ length: COPIES_AT_ONCE }, placeNext));
  for (const entry of entries) {
    if (entry.kind === 'link') await symlink(copiedTarget(root, entry), join(to, entry.path));
  }
}

/** Where the copy of a link points to. */
export function copiedTarget(root: string, link: Pick<TreeEntry, 'path' | 'target'>): string {
  const target = link.target ?? '';
  const folder = dirname(join(root, link.path));
  const absolute = resolve(folder, target);
  const isInside = absolute === root || absolute.startsWith(root + sep);
  if (!isInside) return absolute;
  if (!isAbsolute(target)) return target;
  const below = relative(folder, absolute);
  return below === '' ? '.' : below;
}

const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);

function entryOf(root: string, path: string): TreeEntry | null {
  const absolute = join(root, path);
  const found = lstatSync(absolute, { throwIfNoEntry: false });
  if (found === undefined) return null;
  const shared = { path, changedMs: found.ctimeMs, mode: found.mode & 0o777 };
  if (found.isDirectory()) return { ...shared, kind: 'folder', sizeBytes: 0 };
  if (found.isFile()) return { ...shared, kind: 'file', sizeBytes: found.size };
  if (found.isSymbolicLink()) return { ...shared, kind: 'link', sizeBytes: 0, target: readlinkSync(absolute) };
  return null;
}

function addEntry(hash: Hash, entry: TreeEntry): void {
  hash.update(`${entry.kind}\0${entry.path}\0${entry.mode}\0${entry.sizeBytes}\0${entry.target ?? ''}\n`);
}
