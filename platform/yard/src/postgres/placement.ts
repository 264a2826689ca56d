/** Where the embedded PostgreSQL lives, and as whom it runs: beside the yard, or, for root, where another user can reach it. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, chown, lstat, mkdir, readlink, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { makePrivateFolder } from '../state/atomic-file.ts';
import type { YardFolder } from '../yard-folder.ts';

/** PostgreSQL refuses to run as root; a clone below a home of mode 0700 cannot be reached by anybody else. */
export const ROOT_FOLDER = '/var/lib/switchyard';

export interface Owner {
  readonly uid: number;
  readonly gid: number;
  readonly name: string;
}

export interface Placement {
  /** Folder of the copies of PostgreSQL itself, one a version. */
  readonly binaries: string;
  /** Folder in which the data folder is made and lies; belongs to `owner`. */
  readonly home: string;
  /** The data folder. */
  readonly data: string;
  /** Who runs it; null: we ourselves. */
  readonly owner: Owner | null;
}

/** Decides, and makes the folders. `.yard/data/postgres` is the data folder, or a link to it. */
export async function placePostgres(folder: YardFolder, yardId: string): Promise<Placement> {
  await makePrivateFolder(folder.data);
  const visible = join(folder.data, 'postgres');
  if (process.getuid?.() !== 0) {
    return { binaries: join(folder.state, 'postgres'), home: folder.data, data: visible, owner: null };
  }
  const owner = ownerForRoot();
  const home = join(ROOT_FOLDER, 'yards', yardId);
  await mkdir(home, { recursive: true, mode: 0o755 });
  for (const each of [ROOT_FOLDER, join(ROOT_FOLDER, 'yards')]) await chmod(each, 0o755);
  await chown(home, owner.uid, owner.gid);
  await chmod(home, 0o700);
  const data = join(home, 'postgres');
  await link(visible, data);
  return { binaries: join(ROOT_FOLDER, 'postgres'), home, data, owner };
}

/** `postgres` where the machine has such a user, else `nobody`: one that exists, because initdb asks for its name. */
function ownerForRoot(): Owner {
  for (const name of ['postgres', '_postgres', 'nobody']) {
    const [uid, gid] = [idOf('-u', name), idOf('-g', name)];
    if (uid !== null && gid !== null && uid !== 0) return { uid, gid, name };
  }
  throw new Error('PostgreSQL does not run as root, and this machine has neither a user postgres nor nobody');
}

function idOf(flag: '-u' | '-g', name: string): number | null {
  try {
    const text = execFileSync('id', [flag, name], {
      encoding: 'utf8',
      timeout: 5_000,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return Number(text.trim());
  } catch {
    return null;
  }
}

/** Makes `visible` a link to `target`; data that an ordinary user's yard left in its place stays, under another name. */
async function link(visible: string, target: string): Promise<void> {
  const found = await lstat(visible).catch(() => null);
  if (found?.isSymbolicLink() === true) {
    const leadsTo = await readlink(visible);
    if (leadsTo === target) return;
    if (existsSync(join(leadsTo, 'PG_VERSION'))) {
      throw new Error(`${visible} leads to the databases of another yard (${leadsTo}), or .yard/id is not this yard's`);
    }
    await rm(visible);
  } else if (found !== null) {
    await rename(visible, `${visible}.of-another-user`);
  }
  await symlink(target, visible);
}
