/** Takes a backup of a yard: its databases, keys and registry in one file, while it runs or while it is down. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { YardState } from '../state/yard-state.ts';
import type { YardFolder } from '../yard-folder.ts';
import { pack } from './archive.ts';
import { BACKUP_VERSION, POSTGRES, STATE } from './manifest.ts';
import type { Manifest } from './manifest.ts';
import { copyRunning, copyStopped } from './postgres-copy.ts';
import { copyAll, listTree } from './summed-copy.ts';

/**
 * What is saved of `.yard` besides the databases: small files. Releases, packages and logs are not: they are made anew from the
 * working tree. The id stays with the folder that a yard is in.
 */
export const STATE_ENTRIES = ['state.json', 'operator.token', 'keys', 'registry'] as const;

export interface BackupOptions {
  readonly folder: YardFolder;
  /** Absolute; replaced when it is there. */
  readonly file: string;
  /** Data folder of the embedded server; null when the yard has none. */
  readonly data: string | null;
  /** Address of the running server as its superuser; null when it is stopped (and must stay so until this returns). */
  readonly adminUrl: string | null;
  readonly databases: readonly string[];
  readonly now: Date;
  readonly signal: AbortSignal;
  /** Told of bytes as they are copied. */
  readonly onFile: (bytes: number) => void;
}

/** @returns size of the file in bytes. Throws as the file system does (ENOSPC …), and then leaves nothing behind. */
export async function takeBackup(options: BackupOptions): Promise<{ sizeBytes: number; manifest: Manifest }> {
  const { folder, file, data, adminUrl, now, signal } = options;
  const staging = join(dirname(file), `.yard-backup-${randomBytes(6).toString('hex')}`);
  try {
    await mkdir(staging, { mode: 0o700 });
    const state = await copyState(folder, join(staging, STATE), options);
    const to = join(staging, POSTGRES);
    const copy = { data: data ?? '', to, signal, onFile: options.onFile };
    const postgres = data === null ? null : await (adminUrl === null ? copyStopped(copy) : copyRunning(adminUrl, copy));
    for (const path of postgres?.folders ?? []) await mkdir(join(to, path), { recursive: true, mode: 0o700 });
    const manifest: Manifest = {
      format: 'switchyard-backup',
      version: BACKUP_VERSION,
      madeAt: now.toISOString(),
      services: await countersOf(folder),
      postgres:
        postgres === null
          ? null
          : {
              major: await majorOf(join(to, 'PG_VERSION')),
              isOnline: adminUrl !== null,
              databases: [...options.databases],
            },
      folders: [...state.folders, ...(postgres?.folders ?? []).map((path) => `${POSTGRES}/${path}`)],
      files: [...state.files, ...(postgres?.files ?? [])],
    };
    await writeFile(join(staging, 'manifest.json'), JSON.stringify(manifest, null, 1), { mode: 0o600 });
    const entries = ['manifest.json', STATE, ...(postgres === null ? [] : [POSTGRES])];
    await pack(staging, entries, file, signal);
    return { sizeBytes: (await stat(file)).size, manifest };
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

async function copyState(folder: YardFolder, to: string, { signal, onFile }: BackupOptions) {
  await mkdir(to, { recursive: true, mode: 0o700 });
  const { folders, files } = await listTree(
    folder.state,
    (path) => !(STATE_ENTRIES as readonly string[]).includes(path.split('/')[0]!) || path.endsWith('.tmp'),
  );
  for (const path of folders) await mkdir(join(to, path), { recursive: true, mode: 0o700 });
  return {
    folders: folders.map((path) => `${STATE}/${path}`),
    files: await copyAll(folder.state, files, to, { prefix: STATE, signal, onFile }),
  };
}

async function countersOf(folder: YardFolder): Promise<Record<string, number>> {
  if (!existsSync(folder.stateFile)) return {};
  const { services } = await YardState.open(folder.stateFile);
  return Object.fromEntries(Object.entries(services).map(([name, { counter }]) => [name, counter]));
}

async function majorOf(versionFile: string): Promise<string> {
  return (await readFile(versionFile, 'utf8')).trim();
}
