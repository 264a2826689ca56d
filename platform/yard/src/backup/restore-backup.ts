/** Puts a backup in place of a yard's data: unpacked beside it, checked whole, proven by starting the server, and only then exchanged. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { YardState } from '../state/yard-state.ts';
import type { YardFolder } from '../yard-folder.ts';
import { unpack } from './archive.ts';
import { POSTGRES, readManifest, STATE } from './manifest.ts';
import type { Manifest } from './manifest.ts';
import { listTree, sumOf } from './summed-copy.ts';
import { STATE_ENTRIES } from './take-backup.ts';

/** A file that is no backup, or one that does not fit this yard: a sentence. */
export class UnfitBackup extends Error {}

export interface RestoreOptions {
  readonly folder: YardFolder;
  readonly file: string;
  /** Where the embedded server's data belong, and the folder of its programs; asked for only when the backup has a server. */
  readonly place: () => Promise<PlaceOfServer>;
  /** Starts the server on the data now in their place, and stops it; throws when it does not come up. */
  readonly prove: (place: PlaceOfServer, superuserPassword: string) => Promise<void>;
  readonly signal: AbortSignal;
}

export interface PlaceOfServer {
  readonly data: string;
  /** Same file system as `data`. */
  readonly home: string;
  readonly binaries: string;
  /** PostgreSQL of this installation: `18`. */
  readonly major: string;
  readonly owner: { readonly uid: number; readonly gid: number } | null;
}

/** The yard must be down, and stay so. Throws UnfitBackup, or as the file system does; what was there is then still there. */
export async function restoreBackup(options: RestoreOptions): Promise<Manifest> {
  const { folder, file, signal } = options;
  const name = `.restoring-${randomBytes(6).toString('hex')}`;
  const staging = join(folder.state, name);
  const undo: (() => Promise<void>)[] = [];
  const leftovers = [staging];
  try {
    await mkdir(staging, { recursive: true, mode: 0o700 });
    const manifest = await unpackedManifest(file, staging, signal);
    const place = manifest.postgres === null ? null : await options.place();
    if (place !== null) leftovers.push(join(place.home, name));
    await unpackParts(options, manifest, staging, place === null ? null : join(place.home, name));
    await withoutReleases(folder, join(staging, STATE, 'state.json'));
    for (const entry of STATE_ENTRIES) {
      await exchange(join(staging, STATE, entry), join(folder.state, entry), undo, leftovers);
    }
    if (place !== null) {
      await exchange(join(place.home, name, POSTGRES), place.data, undo, leftovers);
      const secrets = JSON.parse(await readFile(join(folder.keys, 'postgres.json'), 'utf8')) as { superuser: string };
      await options.prove(place, secrets.superuser);
    }
    undo.length = 0;
    return manifest;
  } catch (error) {
    for (const step of undo.toReversed()) await step();
    throw error;
  } finally {
    for (const path of leftovers) await rm(path, { recursive: true, force: true });
  }
}

async function unpackedManifest(file: string, staging: string, signal: AbortSignal): Promise<Manifest> {
  try {
    await unpack(file, ['manifest.json'], staging, signal);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new UnfitBackup('there is no such file', { cause: error });
    if (code !== undefined) throw error;
    throw new UnfitBackup(`it is no backup of a yard, or a damaged one (${message})`, { cause: error });
  }
  const read = readManifest(await readFile(join(staging, 'manifest.json'), 'utf8'));
  if ('fault' in read) throw new UnfitBackup(read.fault);
  return read.manifest;
}

async function unpackParts(
  { file, signal, place }: RestoreOptions,
  manifest: Manifest,
  staging: string,
  stagedServer: string | null,
): Promise<void> {
  try {
    await unpack(file, [STATE], staging, signal);
    if (stagedServer !== null) {
      const { owner, major, binaries } = await place();
      if (manifest.postgres!.major !== major) {
        throw new UnfitBackup(
          `it holds data of PostgreSQL ${manifest.postgres!.major}; this yard brings PostgreSQL ${major}. Restore it with the version of Switchyard that made it`,
        );
      }
      await mkdir(stagedServer, { mode: 0o700 });
      await unpack(file, [POSTGRES], stagedServer, signal);
      await verify(manifest, POSTGRES, stagedServer, signal);
      await settle(stagedServer, owner, binaries);
    }
    await verify(manifest, STATE, staging, signal);
    await settle(join(staging, STATE), null, null);
  } catch (error) {
    if (error instanceof UnfitBackup || (error as NodeJS.ErrnoException).code !== undefined) throw error;
    if ((error as Error).message === 'the disk is full') throw error;
    throw new UnfitBackup(`it is damaged (${(error as Error).message})`, { cause: error });
  }
}

/** Exactly the files of the manifest, each with its sum. */
async function verify(manifest: Manifest, part: string, root: string, signal: AbortSignal): Promise<void> {
  const wanted = new Map(
    manifest.files.filter(({ path }) => path.startsWith(`${part}/`)).map((file) => [file.path, file]),
  );
  const { files } = await listTree(join(root, part));
  for (const path of files.map((file) => `${part}/${file}`)) {
    const file = wanted.get(path);
    if (file === undefined) throw new UnfitBackup(`it is damaged: ${path} is not in its manifest`);
    const { sizeBytes, sha256 } = await sumOf(join(root, path), signal);
    if (sizeBytes !== file.sizeBytes || sha256 !== file.sha256)
      throw new UnfitBackup(`it is damaged: ${path} is not what was saved`);
    wanted.delete(path);
  }
  const [absent] = wanted.keys();
  if (absent !== undefined) throw new UnfitBackup(`it is damaged: ${absent} is missing`);
}

/** Owner and modes, and everything on the disk. */
async function settle(root: string, owner: PlaceOfServer['owner'], binaries: string | null): Promise<void> {
  const part = binaries === null ? root : join(root, POSTGRES);
  const { folders, files } = await listTree(part);
  for (const path of ['', ...folders]) await chmod(join(part, path), 0o700);
  for (const path of files) await chmod(join(part, path), 0o600);
  if (owner !== null) {
    await chown(root, owner.uid, owner.gid);
    for (const path of ['', ...folders, ...files]) await chown(join(part, path), owner.uid, owner.gid);
  }
  if (binaries === null) return;
  const as = owner === null ? {} : { uid: owner.uid, gid: owner.gid };
  await promisify(execFile)(join(binaries, 'bin/initdb'), ['--sync-only', `--pgdata=${part}`], {
    ...as,
    cwd: root,
    timeout: 300_000,
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
  });
}

/** Releases are not part of a backup: a deployment whose release is not here is not live any more. Numbers go on. */
async function withoutReleases(folder: YardFolder, stateFile: string): Promise<void> {
  if (!existsSync(stateFile)) return;
  const state = await YardState.open(stateFile);
  const gone = (deployment: string | null) =>
    deployment !== null && !existsSync(join(folder.releases, deployment, 'release.json'));
  for (const [name, { live, standby }] of Object.entries(state.services)) {
    if (gone(live)) await state.change(name, { live: null, side: null, standby: null });
    else if (gone(standby)) await state.change(name, { standby: null });
  }
}

/** `from` comes to `to`; what was at `to` stands by beside it until the end. */
async function exchange(from: string, to: string, undo: (() => Promise<void>)[], leftovers: string[]): Promise<void> {
  if (!existsSync(from)) return;
  await mkdir(dirname(to), { recursive: true, mode: 0o700 });
  const before = `${to}.before-restore`;
  // a restore that was killed between its two renames left the only copy there
  if (!existsSync(to) && existsSync(before)) await rename(before, to);
  await rm(before, { recursive: true, force: true });
  if (existsSync(to)) {
    await rename(to, before);
    undo.push(async () => {
      await rm(to, { recursive: true, force: true });
      await rename(before, to);
    });
    leftovers.push(before);
  } else {
    undo.push(async () => {
      await rm(to, { recursive: true, force: true });
    });
  }
  await rename(from, to);
}
