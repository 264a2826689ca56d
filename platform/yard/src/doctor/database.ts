/** Looks at the database server: the packaged PostgreSQL, or the one at YARD_POSTGRES_URL. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packagedPostgres } from '../postgres/binaries.ts';
import { pingServer } from '../postgres/databases.ts';
import type { YardFolder } from '../yard-folder.ts';
import { note, well, wrong } from './finding.ts';
import type { Finding } from './finding.ts';

export async function examineDatabase(env: NodeJS.ProcessEnv): Promise<Finding> {
  const address = env['YARD_POSTGRES_URL'] ?? '';
  return address === '' ? examineEmbedded() : examineExternal(address);
}

async function examineEmbedded(): Promise<Finding> {
  try {
    const { native, version } = await packagedPostgres();
    // its libraries may lack their links here; the yard's own copy of it has them
    const { stdout } = await promisify(execFile)(join(native, 'bin/postgres'), ['--version'], { timeout: 10_000 });
    return well('PostgreSQL', `${stdout.trim()}, packaged as ${version}`);
  } catch (error) {
    return wrong(
      'PostgreSQL',
      `the packaged one cannot be run: ${(error as Error).message.split('\n')[0]}`,
      'npm ci (without --omit=optional), or set YARD_POSTGRES_URL to a server that you have',
    );
  }
}

/** The address holds a password and is not repeated. */
async function examineExternal(address: string): Promise<Finding> {
  try {
    await pingServer(address);
    return well('PostgreSQL', 'the server at YARD_POSTGRES_URL answers');
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    const why =
      code === 'ERR_INVALID_URL' ? 'it is not an address such as postgresql://user:password@host/postgres' : message;
    return wrong(
      'PostgreSQL',
      `the server at YARD_POSTGRES_URL does not let the yard in: ${why}`,
      'start it, or correct YARD_POSTGRES_URL',
    );
  }
}

/** A restore that was killed between its renames. */
export function examineRestore(folder: YardFolder, data: string | null): Finding[] {
  const rest = [`${folder.stateFile}.before-restore`, `${data ?? join(folder.data, 'postgres')}.before-restore`].filter(
    existsSync,
  );
  if (rest.length === 0) return [];
  return [note('restore', `one was interrupted and left ${rest.join(', ')}`, 'run yard restore again; it tidies up')];
}
