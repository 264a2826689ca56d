/** The two commands, as somebody types them who has just cloned: as root and as an ordinary user in a home that others cannot enter. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmod, chown, mkdtemp, readdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { eventually, processesBelow, REPOSITORY, run } from './yard-under-test.ts';

const PORTS = [7000, 8000, 8001, 3010, 3011, 3333];
/** The ordinary user that every Unix has. */
const NOBODY = { uid: 65534, gid: 65534 };
const isRoot = userInfo().uid === 0;

const isTaken = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const answer = (taken: boolean) => {
      socket.destroy();
      resolve(taken);
    };
    socket.once('connect', () => answer(true)).once('error', () => answer(false));
  });

async function takenPorts(): Promise<number[]> {
  const taken = await Promise.all(PORTS.map(isTaken));
  return PORTS.filter((_, index) => taken[index]);
}

for (const who of ['root', 'an ordinary user'] as const) {
  test(
    `npm start in a fresh clone brings the application up, and Ctrl-C leaves no process and no port, as ${who}`,
    { timeout: 420_000 },
    async (t) => {
      const taken = await takenPorts();
      if (taken.length > 0) return t.skip(`something else listens on ${taken.join(', ')}`);
      if (who === 'root' && !isRoot) return t.skip('needs to be root');
      const user: Partial<typeof NOBODY> = who === 'root' || !isRoot ? {} : NOBODY;
      const home = await mkdtemp(path.join(tmpdir(), 'newcomer-'));
      const clone = path.join(home, 'switchyard');
      try {
        assert.equal((await run('git', ['clone', '--quiet', '--no-hardlinks', REPOSITORY, clone], home)).code, 0);
        await chmod(home, 0o700);
        if (user.uid !== undefined) await giveTo(home, NOBODY);
        const env: NodeJS.ProcessEnv = {
          ...process.env,
          HOME: home,
          npm_config_cache: path.join(home, '.npm'),
          NODE_ENV: undefined,
        };
        const child = spawn('npm', ['start'], {
          cwd: clone,
          env,
          ...user,
          stdio: ['ignore', 'pipe', 'pipe'],
          detached: true,
        });
        let said = '';
        for (const stream of [child.stdout, child.stderr])
          stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
        const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
        try {
          await Promise.race([
            eventually(
              'the gateway is ready',
              async () =>
                (await fetch('http://localhost:8000/-/ready', { signal: AbortSignal.timeout(2_000) })).status === 200,
              300_000,
            ),
            ended.then((code) => Promise.reject(new Error(`npm start ended with ${code}`))),
          ]);
          const page = await fetch('http://localhost:8000/', { headers: { accept: 'text/html' } });
          assert.equal(page.status, 200);
          assert.match(await page.text(), /<title>/);
          const demo = await run('npm', ['run', '--silent', 'demo'], clone, env);
          assert.match(demo.stdout, /^Sign in at http:\/\/localhost:8000 as /, demo.stderr);
        } catch (error) {
          throw new Error(`npm start said:\n${said}`, { cause: error });
        } finally {
          // What a terminal does on Ctrl-C: SIGINT to the whole foreground group.
          if (child.exitCode === null) process.kill(-child.pid!, 'SIGINT');
          await ended;
        }
        assert.deepEqual(await takenPorts(), [], `ports are left; npm start said:\n${said}`);
        assert.deepEqual(await processesBelow(clone), [], 'processes are left');
        assert.equal((await run(process.execPath, ['bin/yard.js', 'reset', '--yes'], clone)).code, 0);
      } finally {
        await rm(home, { recursive: true, force: true });
      }
    },
  );
}

async function giveTo(folder: string, user: typeof NOBODY): Promise<void> {
  await chown(folder, user.uid, user.gid);
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isSymbolicLink()) await chown(path.join(entry.parentPath, entry.name), user.uid, user.gid);
  }
}
