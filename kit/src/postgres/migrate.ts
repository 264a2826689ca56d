/** Applies SQL migrations at start, once each, also when several processes start together. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Logger } from '../log.ts';
import { isUnavailable } from './connection-errors.ts';
import type { Database, Session } from './database.ts';

export interface MigrateOptions {
  /** How long to wait for a database that is not there yet. Default 30 s. */
  readonly waitMs?: number;
  readonly signal?: AbortSignal;
}

interface Migration {
  /** `migrations/0001-accounts.sql`: the folder's name and the file's. */
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

const FILE_NAME = /^\d{4}-[a-z0-9-]+\.sql$/;
const LOCK = 'switchyard migrations';
/** Somebody who was stopped while holding the lock holds it no longer than this. */
const SILENCE_MAX_MS = 10_000;
const UNDEFINED_TABLE = '42P01';
const WAIT_LOGGED_EVERY_MS = 3_000;

/**
 * Applies what is missing, directory by directory in the order given, `NNNN-name.sql` by number within each; each file in a
 * transaction of its own. Migrations that only a newer version knows are left alone (expand and contract): an older deployment starts on
 * a database that a newer one has expanded.
 *
 * @throws Error when a file was changed after it was applied, or is not named as it must be; DatabaseAway after `waitMs`
 */
export async function migrate(
  db: Database,
  directories: readonly URL[],
  log: Logger,
  options: MigrateOptions = {},
): Promise<void> {
  const migrations = (await Promise.all(directories.map(readMigrations))).flat();
  const session = await whenThere(db, log, options);
  try {
    // who has nothing to apply waits for nobody who has
    if (missing(migrations, await appliedTo(session)).length === 0) return;
    await session.query('SELECT pg_advisory_lock(hashtextextended($1, 0))', [LOCK]);
    await applyMissing(session, migrations, log);
  } finally {
    await session.close();
  }
}

async function readMigrations(directory: URL): Promise<Migration[]> {
  const path = fileURLToPath(directory);
  const files = (await readdir(path)).filter((file) => file.endsWith('.sql')).sort();
  const misnamed = files.find((file) => !FILE_NAME.test(file));
  if (misnamed !== undefined) throw new Error(`${path}: ${misnamed} is not named like 0001-what-it-does.sql`);
  const numbers = files.map((file) => file.slice(0, 4));
  const twice = numbers.find((number, index) => numbers.indexOf(number) !== index);
  if (twice !== undefined) throw new Error(`${path}: two migrations have the number ${twice}`);
  return Promise.all(
    files.map(async (file) => {
      const sql = await readFile(new URL(file, asFolder(directory)), 'utf8');
      return {
        name: `${basename(path)}/${file}`,
        sql,
        checksum: createHash('sha256').update(sql.replaceAll('\r\n', '\n')).digest('hex'),
      };
    }),
  );
}

const asFolder = (directory: URL): URL => (directory.href.endsWith('/') ? directory : new URL(`${directory.href}/`));

/** Checksums by name; also of what only a newer version knows. None where nothing was applied yet. */
async function appliedTo(session: Session): Promise<ReadonlyMap<string, string>> {
  try {
    const rows = await session.query<Pick<Migration, 'name' | 'checksum'>>(
      'SELECT name, checksum FROM schema_migration',
    );
    return new Map(rows.map(({ name, checksum }) => [name, checksum]));
  } catch (error) {
    if ((error as { code?: string }).code === UNDEFINED_TABLE) return new Map();
    throw error;
  }
}

function missing(migrations: readonly Migration[], applied: ReadonlyMap<string, string>): Migration[] {
  const changed = migrations.find(({ name, checksum }) => applied.has(name) && applied.get(name) !== checksum);
  if (changed !== undefined)
    throw new Error(
      `${changed.name} was changed after it was applied to this database; take the change back and write a new migration instead`,
    );
  return migrations.filter(({ name }) => !applied.has(name));
}

async function applyMissing(session: Session, migrations: readonly Migration[], log: Logger): Promise<void> {
  await session.query(`CREATE TABLE IF NOT EXISTS schema_migration (
    name text PRIMARY KEY,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
  )`);
  for (const migration of missing(migrations, await appliedTo(session))) {
    const startedAt = performance.now();
    await session
      .transaction(async (tx) => {
        await tx.query(migration.sql);
        await tx.query('INSERT INTO schema_migration (name, checksum) VALUES ($1, $2)', [
          migration.name,
          migration.checksum,
        ]);
      })
      .catch((error: unknown) => {
        throw new Error(`${migration.name}: ${error instanceof Error ? error.message : String(error)}`, {
          cause: error,
        });
      });
    log.info({ migration: migration.name, durationMs: Math.round(performance.now() - startedAt) }, 'migrated');
  }
}

/** A database that is starting, or not made yet (3D000), is waited for; a wrong password is not. */
async function whenThere(db: Database, log: Logger, options: MigrateOptions): Promise<Session> {
  const { waitMs = 30_000, signal } = options;
  const startedAt = performance.now();
  let loggedAt = Number.NEGATIVE_INFINITY;
  for (let pauseMs = 50; ; pauseMs = Math.min(pauseMs * 2, 1_000)) {
    try {
      return await db.session({ statementTimeoutMs: 0, idleTimeoutMs: SILENCE_MAX_MS });
    } catch (error) {
      const waitedMs = performance.now() - startedAt;
      const comes = isUnavailable(error) || (error as { code?: string }).code === '3D000';
      if (!comes || waitedMs + pauseMs > waitMs) throw error;
      if (waitedMs - loggedAt >= WAIT_LOGGED_EVERY_MS) {
        loggedAt = waitedMs;
        log.warn(
          { waitedMs: Math.round(waitedMs), waitMs, reason: (error as Error).message },
          'waiting for the database',
        );
      }
      await pause(pauseMs, undefined, signal === undefined ? {} : { signal });
    }
  }
}
