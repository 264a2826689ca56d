/** The store of third-party packages, `.yard/store/<key>/`: copied once for each state they have been in, shared by all releases. */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { makePrivateFolder } from '../state/atomic-file.ts';
import type { PackageClosure } from './package-closure.ts';
import { copyTree, readTree, statFingerprint } from './tree.ts';
import type { TreeEntry } from './tree.ts';

/** Third-party packages as they are now. */
export interface PackageSnapshot {
  readonly key: string;
  readonly closure: PackageClosure;
  readonly packages: readonly { readonly path: string; readonly entries: readonly TreeEntry[] }[];
}

const MAKING = '.making-';

export class PackageStore {
  readonly folder: string;
  constructor(folder: string) {
    this.folder = folder;
  }

  /** Null when the closure has no third-party package. `seen` remembers packages between services, for one round of looking. */
  async inspect(closure: PackageClosure, seen: Map<string, TreeEntry[]>): Promise<PackageSnapshot | null> {
    if (closure.thirdParty.length === 0) return null;
    const hash = createHash('sha256');
    const packages = [];
    for (const path of closure.thirdParty) {
      const absolute = join(closure.root, path);
      let entries = seen.get(absolute);
      if (entries === undefined) {
        entries = await readTree(absolute, (name) => name === 'node_modules');
        seen.set(absolute, entries);
      }
      hash.update(`${path}\0${statFingerprint(entries)}\n`);
      packages.push({ path, entries });
    }
    for (const link of storedLinks(closure)) hash.update(`${link.path}\0${link.target}\n`);
    return { key: hash.digest('hex').slice(0, 24), closure, packages };
  }

  /** Copies what is not there yet; a copy that was interrupted is never seen under its key. */
  async keep(snapshot: PackageSnapshot, onCopied: (bytes: number) => void): Promise<void> {
    const place = join(this.folder, snapshot.key);
    if (existsSync(place)) return;
    await makePrivateFolder(this.folder);
    const making = join(this.folder, `${MAKING}${randomBytes(6).toString('hex')}`);
    try {
      for (const { path, entries } of snapshot.packages) {
        await copyTree(join(snapshot.closure.root, path), entries, join(making, path), onCopied);
      }
      for (const link of storedLinks(snapshot.closure)) {
        const at = join(making, link.path);
        await mkdir(dirname(at), { recursive: true });
        await symlink(relative(dirname(link.path), link.target), at);
      }
      await rename(making, place);
    } finally {
      await rm(making, { recursive: true, force: true });
    }
  }

  /** Absolute folder of a key's copy of the closure's root. */
  placeOf(key: string): string {
    return join(this.folder, key);
  }

  /** Removes every key that no release uses, and what an interrupted copy left. Not while a release is being made. */
  async collect(used: ReadonlySet<string>): Promise<void> {
    if (!existsSync(this.folder)) return;
    for (const name of await readdir(this.folder)) {
      if (!used.has(name)) await rm(join(this.folder, name), { recursive: true, force: true });
    }
  }
}

/** Links between third-party packages, as pnpm lays them out. */
const storedLinks = (closure: PackageClosure): { path: string; target: string }[] =>
  closure.links.filter((link) => link.target.split('/').includes('node_modules'));
