/** Where the data of a yard's own PostgreSQL are and whether it runs, without starting anything. */
import { lstat, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { installPostgres, packagedPostgres } from '../postgres/binaries.ts';
import { EmbeddedPostgres, SUPERUSER } from '../postgres/embedded-postgres.ts';
import { placePostgres } from '../postgres/placement.ts';
import type { Placement } from '../postgres/placement.ts';
import { PostgresSecrets } from '../postgres/postgres-secrets.ts';
import { yardId } from '../state/yard-state.ts';
import type { YardFolder } from '../yard-folder.ts';
import type { PlaceOfServer } from './restore-backup.ts';

/** The data folder, as the server was given it (for root a link leads to it); null when the yard has none yet. Throws when it may not be read. */
export async function dataFolder(folder: YardFolder): Promise<string | null> {
  const visible = join(folder.data, 'postgres');
  try {
    await lstat(join(visible, 'PG_VERSION'));
    return (await lstat(visible)).isSymbolicLink() ? await readlink(visible) : visible;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw error;
  }
}

/** Address of the running server for its superuser; null when none runs on `data`. */
export async function runningServer(folder: YardFolder, data: string): Promise<string | null> {
  const server = serverOn(folder, { data, binaries: '', home: '', owner: null }, '', '');
  const survivor = await server.survivor();
  if (survivor === null) return null;
  const { superuser } = await PostgresSecrets.open(folder.keys);
  return `postgresql://${SUPERUSER}:${encodeURIComponent(superuser)}@127.0.0.1:${survivor.port}/postgres`;
}

/** Makes the place where a server's data belong on this machine, and its programs ready to run. */
export async function placeOfServer(folder: YardFolder): Promise<PlaceOfServer> {
  const placement = await placePostgres(folder, await yardId(folder));
  const packaged = await packagedPostgres();
  return {
    data: placement.data,
    home: placement.home,
    owner: placement.owner,
    binaries: await installPostgres(packaged, placement.binaries),
    major: packaged.version.split('.')[0]!,
  };
}

/** Starts the server on its data and stops it again. Throws with the server's own words when it does not come up. */
export async function proveServer(
  folder: YardFolder,
  place: PlaceOfServer,
  superuserPassword: string,
  signal: AbortSignal,
): Promise<void> {
  const owner = place.owner === null ? null : { ...place.owner, name: String(place.owner.uid) };
  const server = serverOn(
    folder,
    { data: place.data, home: place.home, binaries: '', owner },
    place.binaries,
    superuserPassword,
  );
  try {
    await server.start(signal);
  } finally {
    await server.stop();
  }
}

function serverOn(
  folder: YardFolder,
  placement: Placement,
  binaries: string,
  superuserPassword: string,
): EmbeddedPostgres {
  return new EmbeddedPostgres({
    placement,
    binaries,
    recordFile: folder.postgresFile,
    logFile: join(folder.logs, 'postgres.log'),
    superuserPassword,
  });
}
