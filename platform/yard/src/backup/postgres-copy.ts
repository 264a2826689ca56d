/**
 * Copies the data folder of the yard's PostgreSQL: as it lies when the server is stopped, by the low-level backup interface
 * (PostgreSQL 18 manual, 25.3.4) when it runs. A dump of tables would not do: event cursors hold transaction ids (decision 0052).
 */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import type { FileSum } from './manifest.ts';
import { POSTGRES } from './manifest.ts';
import { copyAll, listTree, sumOf } from './summed-copy.ts';

export interface PostgresCopy {
  readonly folders: string[];
  readonly files: FileSum[];
}

interface CopyOptions {
  readonly data: string;
  readonly to: string;
  readonly signal: AbortSignal;
  readonly onFile: (bytes: number) => void;
}

/** Folders whose content a server makes anew (the list of pg_basebackup); the folders themselves are needed. */
const CONTENT_LEFT_OUT =
  /^(?:pg_wal|pg_dynshmem|pg_notify|pg_replslot|pg_serial|pg_snapshots|pg_stat_tmp|pg_subtrans)\//;
const LEFT_OUT =
  /^(?:postmaster\.(?:pid|opts)|backup_label(?:\.old)?|tablespace_map(?:\.old)?|backup_manifest|current_logfiles(?:\.tmp)?|postgresql\.auto\.conf\.tmp)$|(?:^|\/)pg_internal\.init(?:\.[0-9]+)?$|(?:^|\/)pgsql_tmp/;
const CONTROL = 'global/pg_control';

/** Pure; `path` below the data folder. */
export function isLeftOut(path: string, isOnline: boolean): boolean {
  if (path.startsWith('pg_wal/') && !isOnline) return false;
  return CONTENT_LEFT_OUT.test(path) || LEFT_OUT.test(path);
}

/** The server must be stopped, and stay so. */
export async function copyStopped(options: CopyOptions): Promise<PostgresCopy> {
  const { folders, files } = await listTree(options.data, (path) => isLeftOut(path, false));
  const sums = await copyAll(options.data, files, options.to, { ...options, prefix: POSTGRES });
  return { folders, files: sums };
}

/**
 * While the server runs and writes. A temporary slot keeps it from recycling the log that the copy needs; it goes with the connection,
 * however that ends.
 */
export async function copyRunning(adminUrl: string, options: CopyOptions): Promise<PostgresCopy> {
  const { data, to, signal } = options;
  const client = new pg.Client({
    connectionString: adminUrl,
    connectionTimeoutMillis: 5_000,
    // both the checkpoint at the start and the end wait for the disk
    query_timeout: 300_000,
    application_name: 'yard backup',
  });
  client.on('error', () => undefined);
  await client.connect();
  try {
    const slot = `yard_backup_${process.pid}`;
    await client.query('SELECT pg_create_physical_replication_slot($1, true, true)', [slot]);
    const start = await only<{ file: string }>(
      client,
      `SELECT pg_walfile_name(pg_backup_start('yard backup', fast => true)) AS file`,
    );
    const { folders, files } = await listTree(data, (path) => isLeftOut(path, true));
    // the control file last, as pg_basebackup does: a checkpoint that it names has then happened within the copy
    const ordered = [...files.filter((path) => path !== CONTROL), CONTROL];
    const sums = await copyAll(data, ordered, to, { ...options, prefix: POSTGRES });
    const end = await only<{ file: string; label: string; map: string }>(
      client,
      `SELECT pg_walfile_name(lsn) AS file, labelfile AS label, spcmapfile AS map FROM pg_backup_stop(wait_for_archive => false)`,
    );
    if (end.map.trim() !== '')
      throw new Error('the server has tablespaces, which a yard never makes; take them out first');
    await writeFile(join(to, 'backup_label'), end.label, { mode: 0o600 });
    sums.push({ path: `${POSTGRES}/backup_label`, ...(await sumOf(join(to, 'backup_label'), signal)) });
    sums.push(...(await copyLog(start.file, end.file, options)));
    return { folders, files: sums };
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** The segments from the start to the end of the backup; their names sort as they follow each other on one timeline. */
async function copyLog(first: string, last: string, { data, to, signal, onFile }: CopyOptions): Promise<FileSum[]> {
  const names = (await readdir(join(data, 'pg_wal'))).filter(
    (name) => /^[0-9A-F]{24}$/.test(name) && name >= first && name <= last,
  );
  await mkdir(join(to, 'pg_wal'), { recursive: true, mode: 0o700 });
  const sums = await copyAll(join(data, 'pg_wal'), names.sort(), join(to, 'pg_wal'), {
    prefix: `${POSTGRES}/pg_wal`,
    signal,
    onFile,
  });
  const copied = new Set(sums.map(({ path }) => path.slice(path.lastIndexOf('/') + 1)));
  for (const name of [first, last]) {
    if (!copied.has(name)) throw new Error(`the log segment ${name} is gone; try again`);
  }
  return sums;
}

async function only<Row extends pg.QueryResultRow>(client: pg.Client, text: string): Promise<Row> {
  const { rows } = await client.query<Row>(text);
  return rows[0]!;
}
