/** The yard's own PostgreSQL: a real server, killed, adopted, moved, and shared between services that may not see each other. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { isAlive } from '../runtime/processes.ts';
import { sendSignal } from '../runtime/processes.ts';
import { yardId } from '../state/yard-state.ts';
import { yardFolder } from '../yard-folder.ts';
import type { YardFolder } from '../yard-folder.ts';
import { installPostgres, packagedPostgres } from './binaries.ts';
import { ensureDatabases } from './databases.ts';
import { EmbeddedPostgres } from './embedded-postgres.ts';
import { placePostgres } from './placement.ts';
import type { Placement } from './placement.ts';
import { PostgresSecrets } from './postgres-secrets.ts';

const NEVER = new AbortController().signal;

describe('the embedded PostgreSQL', { timeout: 300_000 }, () => {
  let folder: YardFolder;
  let placement: Placement;
  let secrets: PostgresSecrets;
  let id: string;
  let binaries: string;
  const server = () =>
    new EmbeddedPostgres({
      placement,
      binaries,
      recordFile: folder.postgresFile,
      logFile: join(folder.logs, 'postgres', 'postgres.log'),
      superuserPassword: secrets.superuser,
    });
  const query = async (url: string, text: string) => {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return (await client.query<Record<string, unknown>>(text)).rows;
    } finally {
      await client.end().catch(() => undefined);
    }
  };

  before(async () => {
    folder = yardFolder(await realpath(await mkdtemp(join(tmpdir(), 'yard-postgres-'))));
    id = await yardId(folder);
    placement = await placePostgres(folder, id);
    binaries = await installPostgres(await packagedPostgres(), placement.binaries);
    secrets = await PostgresSecrets.open(folder.keys);
  });
  after(async () => {
    await server().stop();
    if (placement.owner !== null) await rm(placement.home, { recursive: true });
    await rm(folder.root, { recursive: true });
  });

  it('gives each service a database that nobody else may open', async () => {
    const running = await server().start(NEVER);
    const access = { adminUrl: running.adminUrl, isOwn: true, yardId: id };
    const urls = await ensureDatabases(access, ['users', 'feeds'], secrets);
    await query(urls.get('users')!, 'CREATE TABLE person (name text)');
    await query(urls.get('users')!, `INSERT INTO person VALUES ('Ann')`);
    const asFeeds = new URL(urls.get('feeds')!);
    asFeeds.pathname = '/users';
    await assert.rejects(query(asFeeds.href, 'SELECT 1'), /permission denied for database/);
    asFeeds.pathname = '/postgres';
    await assert.rejects(query(asFeeds.href, 'SELECT 1'), /permission denied for database/);
    asFeeds.pathname = '/feeds';
    asFeeds.password = 'guessed';
    await assert.rejects(query(asFeeds.href, 'SELECT 1'), /password authentication failed/);
    assert.deepEqual(await ensureDatabases(access, ['users', 'feeds'], secrets), urls, 'safe to repeat');
  });

  it('does not run as root, and its files are for its user alone', async () => {
    assert.equal((await stat(placement.data)).mode & 0o077, 0);
    const survivor = (await server().survivor())!;
    assert.notEqual((await stat(`/proc/${survivor.process.pid}`).catch(() => stat(placement.data))).uid, 0);
  });

  it('nothing stays of an initialisation whose supervisor was killed', async () => {
    await server().stop();
    const left = join(placement.home, '.making-0123456789ab');
    await mkdir(join(left, 'data'), { recursive: true });
    await server().start(NEVER);
    assert.equal(existsSync(left), false);
  });

  it('is adopted by the next supervisor as it runs', async () => {
    const before = (await server().survivor())!;
    const again = await server().start(NEVER);
    assert.deepEqual([again.process, again.port, again.isAdopted], [before.process, before.port, true]);
  });

  it('comes back after kill -9 with everything that was committed', async () => {
    const killed = (await server().survivor())!;
    sendSignal(killed.process.pid, 'SIGKILL');
    await server().ended({ ...killed, adminUrl: '', isAdopted: true }, AbortSignal.timeout(30_000));
    const again = await server().start(NEVER);
    assert.equal(again.port, killed.port, 'at the same place');
    const urls = await ensureDatabases({ adminUrl: again.adminUrl, isOwn: true, yardId: id }, ['users'], secrets);
    assert.deepEqual(await query(urls.get('users')!, 'SELECT name FROM person'), [{ name: 'Ann' }]);
  });

  it('takes another port when a stranger has got the one it had', async () => {
    const first = (await server().survivor())!;
    await server().stop();
    assert.equal(isAlive(first.process), false);
    const stranger = createServer();
    await new Promise<void>((resolve) => {
      stranger.listen(first.port, '127.0.0.1', resolve);
    });
    try {
      const moved = await server().start(NEVER);
      assert.notEqual(moved.port, first.port);
      const remembered = JSON.parse(await readFile(folder.postgresFile, 'utf8')) as { port: number };
      assert.equal(remembered.port, moved.port);
    } finally {
      stranger.close();
    }
  });

  it('a role that somebody else made on a server that is not ours is left alone', async () => {
    const { port } = (await server().survivor())!;
    const adminUrl = `postgresql://switchyard:${secrets.superuser}@127.0.0.1:${port}/postgres`;
    await query(adminUrl, 'CREATE ROLE theirs LOGIN');
    await assert.rejects(
      ensureDatabases({ adminUrl, isOwn: false, yardId: id }, ['theirs'], secrets),
      /already has a role theirs that this yard did not make/,
    );
    const ours = await ensureDatabases({ adminUrl, isOwn: false, yardId: id }, ['ours'], secrets);
    assert.deepEqual(await query(ours.get('ours')!, 'SELECT current_user AS who'), [{ who: 'ours' }]);
  });

  it('a data folder that is none is told, not overwritten', async () => {
    const data = dirname(folder.postgresFile);
    const other = new EmbeddedPostgres({
      placement: { ...placement, data },
      binaries,
      recordFile: folder.postgresFile,
      logFile: join(folder.logs, 'postgres', 'other.log'),
      superuserPassword: '',
    });
    await assert.rejects(other.start(NEVER), /exists but is no PostgreSQL data folder/);
  });

  it('databases that are gone are told: none are made in their place', async () => {
    await server().stop();
    await rename(placement.data, `${placement.data}.aside`);
    await assert.rejects(server().start(NEVER), /the databases of this yard are gone/);
    await rename(`${placement.data}.aside`, placement.data);
    await server().start(NEVER);
  });

  it('a server that has only just been started is stopped too: nothing comes up behind the back of a Ctrl-C', async () => {
    await server().stop();
    const starting = new AbortController();
    const started = server().start(starting.signal);
    starting.abort(new Error('stopping'));
    await assert.rejects(started);
    const recorded = JSON.parse(await readFile(folder.postgresFile, 'utf8')) as { pid: number; born: string };
    await server().stop();
    assert.equal(isAlive(recorded), false);
  });
});
