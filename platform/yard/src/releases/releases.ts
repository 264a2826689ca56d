/** Makes, finds and forgets releases: `.yard/releases/<deployment>/` holds a copy of everything that the deployment runs. */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, realpath, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import type { Side } from '@switchyard/contracts/registry';
import { makePrivateFolder } from '../state/atomic-file.ts';
import { packageClosure } from './package-closure.ts';
import type { PackageClosure } from './package-closure.ts';
import { PackageStore } from './package-store.ts';
import type { PackageSnapshot } from './package-store.ts';
import { deploymentNumber, entryFingerprint, releaseAt, releaseFile } from './release.ts';
import type { Release, ReleaseEntry } from './release.ts';
import { contentFingerprint, copyTree, readTree } from './tree.ts';
import type { TreeEntry } from './tree.ts';

/** From what a release is made. */
export interface ReleaseSource {
  readonly service: string;
  /** Absolute folder of the service, or of a part of the platform. */
  readonly dir: string;
  /** Folder of the yard: a service below it keeps its place relative to it. */
  readonly within: string;
  /** Command that made it what it is: by another one it would be another. */
  readonly build?: string | undefined;
  readonly entry: ReleaseEntry;
}

/** A source as it was at one moment. */
export interface SourceSnapshot {
  readonly source: ReleaseSource;
  readonly fingerprint: string;
  readonly closure: PackageClosure;
  readonly folders: readonly { readonly path: string; readonly entries: readonly TreeEntry[] }[];
  readonly packages: PackageSnapshot | null;
}

export interface NewDeployment {
  readonly deployment: string;
  readonly side: Side;
  readonly madeAt: Date;
}

/** Releases kept for each service besides those that are live, standby or running. */
export const KEPT_PER_SERVICE = 5;
const MAKING = '.making-';
/** A tree that a build is still writing is copied again, this often at most. */
const ATTEMPTS_MAX = 3;
const ALWAYS_LEFT_OUT = new Set(['.git', '.yard', '__pycache__', '.DS_Store']);

export class Releases {
  private readonly folder: string;
  private readonly store: PackageStore;
  /** The store may not be swept while a release is about to use it. */
  private readonly making = new Set<Promise<unknown>>();
  private sweeping: Promise<unknown> = Promise.resolve();

  constructor(folders: { readonly releases: string; readonly store: string }) {
    this.folder = folders.releases;
    this.store = new PackageStore(folders.store);
  }

  /** Reads a source, as it is now. */
  async inspect(source: ReleaseSource): Promise<SourceSnapshot> {
    const dir = await realpath(source.dir);
    const closure = packageClosure(dir, await realpath(source.within));
    const packages = await this.store.inspect(closure);
    const hash = createHash('sha256');
    const folders = [];
    for (const path of outermost([closure.dir, ...closure.workspace])) {
      const absolute = join(closure.root, path);
      const hasManifest = existsSync(join(absolute, 'package.json'));
      const isLeftOut = (name: string) => ALWAYS_LEFT_OUT.has(name) || (hasManifest && name === 'node_modules');
      const entries = await readTree(absolute, isLeftOut);
      hash.update(`${path}\0${await contentFingerprint(absolute, entries)}\n`);
      folders.push({ path, entries });
    }
    if (source.build !== undefined) hash.update(`build ${source.build}\n`);
    hash.update(`${entryFingerprint(source.entry)}\0${packages?.key ?? ''}\n`);
    return { source, fingerprint: hash.digest('hex'), closure, folders, packages };
  }

  /** Every release of a service, oldest first. A folder whose `release.json` cannot be read is no release. */
  async of(service: string): Promise<Release[]> {
    const all = await this.all();
    return all.filter((release) => release.service === service).sort((a, b) => numberOf(a) - numberOf(b));
  }

  /** The release of a deployment, or null when it is not kept. */
  async find(deployment: string): Promise<Release | null> {
    return this.read(deployment);
  }

  /**
   * Copies a snapshot as a new deployment. Until it is whole it has another name, so that an interrupted copy is never run.
   * `onCopied` is told of bytes as they are copied. Throws as the file system does (ENOSPC …), leaving nothing behind.
   */
  async make(
    snapshot: SourceSnapshot,
    as: NewDeployment,
    onCopied: (bytes: number) => void = () => undefined,
  ): Promise<Release> {
    const making = this.sweeping.then(() => this.copyUntilStill(snapshot, as, onCopied));
    const settled = making.catch(() => undefined);
    this.making.add(settled);
    void settled.then(() => this.making.delete(settled));
    return making;
  }

  /** Removes releases that are neither among the newest of their service nor in `keep` (deployments), and packages nobody uses. */
  async prune(keep: ReadonlySet<string>): Promise<string[]> {
    const sweeping = Promise.all([this.sweeping, ...this.making]).then(async () => {
      const all = await this.all();
      const services = new Set(all.map((release) => release.service));
      const removed: string[] = [];
      for (const service of services) {
        const own = all.filter((release) => release.service === service).sort((a, b) => numberOf(b) - numberOf(a));
        for (const release of own.slice(KEPT_PER_SERVICE)) {
          if (keep.has(release.deployment)) continue;
          await rm(join(this.folder, release.deployment), { recursive: true, force: true });
          removed.push(release.deployment);
        }
      }
      const left = all.filter((release) => !removed.includes(release.deployment));
      await this.store.collect(new Set(left.flatMap((release) => release.storeKey ?? [])));
      await this.removeUnfinished();
      return removed;
    });
    this.sweeping = sweeping.catch(() => undefined);
    return sweeping;
  }

  private async copyUntilStill(
    snapshot: SourceSnapshot,
    as: NewDeployment,
    onCopied: (bytes: number) => void,
  ): Promise<Release> {
    let latest = snapshot;
    for (let attempt = 1; ; attempt += 1) {
      const release = await this.copy(latest, as, onCopied);
      const after = await this.inspect(snapshot.source);
      if (after.fingerprint === latest.fingerprint || attempt === ATTEMPTS_MAX) return release;
      await rm(join(this.folder, as.deployment), { recursive: true, force: true });
      latest = after;
    }
  }

  private async copy(snapshot: SourceSnapshot, as: NewDeployment, onCopied: (bytes: number) => void): Promise<Release> {
    const { closure, packages, source } = snapshot;
    if (packages !== null) await this.store.keep(packages, onCopied);
    await makePrivateFolder(this.folder);
    const making = join(this.folder, `${MAKING}${randomBytes(6).toString('hex')}`);
    const tree = join(making, 'tree');
    const place = join(this.folder, as.deployment);
    try {
      await mkdir(tree, { recursive: true });
      await chmod(making, 0o700);
      for (const { path, entries } of snapshot.folders) {
        await copyTree(join(closure.root, path), entries, join(tree, path), onCopied);
      }
      await this.link(closure, packages?.key ?? '', tree);
      const file = {
        version: 1 as const,
        service: source.service,
        deployment: as.deployment,
        side: as.side,
        madeAt: as.madeAt.toISOString(),
        fingerprint: snapshot.fingerprint,
        storeKey: packages?.key ?? null,
        dir: closure.dir,
        entry: source.entry,
      };
      await writeFile(join(making, 'release.json'), JSON.stringify(file, null, 2), { mode: 0o600 });
      await rm(place, { recursive: true, force: true });
      await rename(making, place);
      return releaseAt(place, file);
    } finally {
      await rm(making, { recursive: true, force: true });
    }
  }

  /** Packages of the store and of the workspace at their places below the release, and the commands they bring. */
  private async link(closure: PackageClosure, key: string, tree: string): Promise<void> {
    const store = this.store.placeOf(key);
    // What lies below a package of the store is found there by that package; the release itself needs no way to it.
    const isNested = (path: string) => closure.thirdParty.some((other) => path.startsWith(`${other}/`));
    const links = new Map<string, string>();
    for (const path of closure.thirdParty) if (!isNested(path)) links.set(path, join(store, path));
    for (const { path, target } of closure.links) {
      if (isNested(path)) continue;
      links.set(path, target.split('/').includes('node_modules') ? join(store, target) : join(tree, target));
    }
    for (const [name, path] of Object.entries(closure.bins)) {
      if (path.split('/').includes('node_modules')) links.set(`node_modules/.bin/${name}`, join(store, path));
    }
    for (const [path, target] of links) {
      const at = join(tree, path);
      await mkdir(dirname(at), { recursive: true });
      // Relative, so that a yard that is moved goes on; the temporary folder lies as deep as the release will.
      await symlink(relative(dirname(at), target), at);
    }
  }

  private async all(): Promise<Release[]> {
    if (!existsSync(this.folder)) return [];
    const names = await readdir(this.folder);
    const found = await Promise.all(names.filter((name) => !name.startsWith(MAKING)).map((name) => this.read(name)));
    return found.filter((release) => release !== null);
  }

  private async read(deployment: string): Promise<Release | null> {
    const folder = join(this.folder, basename(deployment));
    try {
      const parsed = releaseFile.safeParse(JSON.parse(await readFile(join(folder, 'release.json'), 'utf8')));
      return parsed.success && parsed.data.deployment === deployment ? releaseAt(folder, parsed.data) : null;
    } catch {
      return null;
    }
  }

  private async removeUnfinished(): Promise<void> {
    if (!existsSync(this.folder)) return;
    for (const name of await readdir(this.folder)) {
      if (name.startsWith(MAKING)) await rm(join(this.folder, name), { recursive: true, force: true });
    }
  }
}

const numberOf = (release: Release): number => deploymentNumber(release.service, release.deployment) ?? 0;

/** Folders that lie below another one of the list are copied with that one. */
function outermost(paths: readonly string[]): string[] {
  const unique = [...new Set(paths)].sort();
  return unique.filter(
    (path) => !unique.some((other) => other !== path && (other === '' || path.startsWith(`${other}/`))),
  );
}
