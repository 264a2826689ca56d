/** The store of third-party packages, `.yard/store/<key>/`: copied once for each state they have been in, shared by all releases. */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { z } from 'zod';
import { makePrivateFolder, readFileIfAny } from '../state/atomic-file.ts';
import type { PackageClosure } from './package-closure.ts';
import { copyTree, linkTree, readTree, statFingerprint } from './tree.ts';
import type { TreeEntry } from './tree.ts';

/** Third-party packages as they are now. */
export interface PackageSnapshot {
  readonly key: string;
  readonly closure: PackageClosure;
  readonly packages: readonly PackageState[];
}

interface PackageState {
  readonly path: string;
  readonly fingerprint: string;
  readonly entries: readonly TreeEntry[];
}

const MAKING = '.making-';
/** Beside the packages of a key: their fingerprints by path, so that a later key can share those that are the same. */
const INDEX = 'packages.json';
const index = z.record(z.string(), z.string());

export class PackageStore {
  private readonly folder: string;
  private turn: Promise<void> = Promise.resolve();
  constructor(folder: string) {
    this.folder = folder;
  }

  /** Null when the closure has no third-party package. */
  async inspect(closure: PackageClosure): Promise<PackageSnapshot | null> {
    if (closure.thirdParty.length === 0) return null;
    const hash = createHash('sha256');
    const packages: PackageState[] = [];
    for (const path of closure.thirdParty) {
      const entries = await readTree(join(closure.root, path), (name) => name === 'node_modules');
      const fingerprint = statFingerprint(entries);
      hash.update(`${path}\0${fingerprint}\n`);
      packages.push({ path, fingerprint, entries });
    }
    for (const link of storedLinks(closure)) hash.update(`${link.path}\0${link.target}\n`);
    return { key: hash.digest('hex').slice(0, 24), closure, packages };
  }

  /** Copies what is not there yet; a copy that was interrupted is never seen under its key. */
  async keep(snapshot: PackageSnapshot, onCopied: (bytes: number) => void): Promise<void> {
    // Services that start together mostly need the same packages: whoever comes later finds them, whole or in part.
    const keeping = this.turn.then(() => this.copy(snapshot, onCopied));
    this.turn = keeping.catch(() => undefined);
    await keeping;
  }

  private async copy(snapshot: PackageSnapshot, onCopied: (bytes: number) => void): Promise<void> {
    const place = join(this.folder, snapshot.key);
    if (existsSync(place)) return;
    await makePrivateFolder(this.folder);
    const making = join(this.folder, `${MAKING}${randomBytes(6).toString('hex')}`);
    const shared = await this.sharedPackages();
    try {
      for (const { path, fingerprint, entries } of snapshot.packages) {
        const same = shared.get(`${path}\0${fingerprint}`);
        if (same === undefined)
          await copyTree(join(snapshot.closure.root, path), entries, join(making, path), onCopied);
        else await linkTree(same, entries, join(making, path));
      }
      for (const link of storedLinks(snapshot.closure)) {
        const at = join(making, link.path);
        await mkdir(dirname(at), { recursive: true });
        await symlink(relative(dirname(link.path), link.target), at);
      }
      const fingerprints = Object.fromEntries(snapshot.packages.map(({ path, fingerprint }) => [path, fingerprint]));
      await writeFile(join(making, INDEX), JSON.stringify(fingerprints));
      await rename(making, place);
    } finally {
      await rm(making, { recursive: true, force: true });
    }
  }

  /** Folders of the packages that are kept, by path and fingerprint. */
  private async sharedPackages(): Promise<Map<string, string>> {
    const shared = new Map<string, string>();
    for (const key of await readdir(this.folder)) {
      if (key.startsWith(MAKING)) continue;
      const text = await readFileIfAny(join(this.folder, key, INDEX));
      const fingerprints = text === null ? {} : index.parse(JSON.parse(text));
      for (const [path, fingerprint] of Object.entries(fingerprints)) {
        shared.set(`${path}\0${fingerprint}`, join(this.folder, key, path));
      }
    }
    return shared;
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
