/** A yard as its user sees it: real processes, brought up, edited, killed, and taken down. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { processFacts } from '../runtime/processes.ts';
import { everythingIn, PYTHON, until, WEB, YardFixture } from './yard-fixture.ts';
import type { ServiceToBe } from './yard-fixture.ts';

const web: ServiceToBe = {
  files: { 'main.js': WEB('first') },
  entry: { run: 'node main.js', health: '/' },
  route: '/web',
};
const hasPython = spawnSync('python3', ['--version']).status === 0;

async function using(
  services: Readonly<Record<string, ServiceToBe>>,
  work: (yard: YardFixture) => Promise<void>,
  below = '',
): Promise<void> {
  const yard = await YardFixture.make(services, below);
  try {
    await work(yard);
  } finally {
    await yard.cleanUp();
  }
}

const pidsOf = async (yard: YardFixture) => {
  const { registry, gateway, services, postgres } = await yard.status();
  const parts = { registry, gateway, ...services };
  return {
    ...Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, part.instances.map(({ pid }) => pid)])),
    postgres: postgres?.pid,
  };
};

describe('a yard', { timeout: 600_000 }, () => {
  it('comes up with services of any kind behind one door, and goes down without a trace', () =>
    using(
      {
        web,
        ...(hasPython
          ? {
              py: {
                files: { 'app.py': PYTHON },
                entry: { run: 'python3 app.py ${PORT}', needs: ['web'] },
                route: '/py',
              },
            }
          : {}),
      },
      async (yard) => {
        await yard.done(['up', '-d']);
        assert.equal((await yard.json('/web'))['text'], 'first');
        if (hasPython) assert.deepEqual(await yard.get('/py/x'), { status: 200, text: 'from python' });
        const status = await yard.status();
        assert.deepEqual([status.services['web']!.state, status.services['web']!.live], ['ready', 'web-1']);
        assert.equal(status.services['web']!.standby, null);
        assert.equal(status.services['web']!.instances[0]!.port, yard.ports['web']![0]);
        assert.ok(status.epoch !== null && status.epoch > 0);
        assert.equal((await stat(join(yard.root, '.yard'))).mode & 0o777, 0o700);
        assert.match(await yard.done(['logs', 'web']), /listening web-1\.1\./);

        const second = await yard.yard(['up']);
        assert.equal(second.code, 1);
        assert.match(second.stderr, new RegExp(`already up: its supervisor has pid ${status.supervisor!.pid}`));
        assert.equal((await yard.yard(['up', '-d'])).code, 1);

        await yard.done(['down']);
        assert.deepEqual([yard.processes(), await yard.takenPorts()], [[], []]);
        assert.match(await yard.done(['down']), /nothing of this yard runs/);
        assert.equal((await yard.status()).services['web']!.state, 'stopped');
      },
    ));

  it('outlives its supervisor, and the next one takes over everything as it runs', () =>
    using({ web: { ...web, entry: { ...web.entry, postgres: 'web' } } }, async (yard) => {
      await yard.done(['up', '-d']);
      const before = await pidsOf(yard);
      const { supervisor } = await yard.status();
      process.kill(supervisor!.pid, 'SIGKILL');
      await until(() => processFacts(supervisor!.pid) === null, 'the supervisor is dead');
      assert.equal((await yard.json('/web'))['text'], 'first');
      assert.equal((await yard.status()).supervisor, null);
      assert.deepEqual(await pidsOf(yard), before);

      // What was edited meanwhile is not what runs.
      await yard.write('web', { 'main.js': WEB('second') });
      await yard.done(['up', '-d']);
      assert.deepEqual(await pidsOf(yard), before);
      assert.equal((await yard.json('/web'))['text'], 'first');
      assert.notEqual((await yard.status()).supervisor!.pid, supervisor!.pid);

      process.kill((await yard.status()).supervisor!.pid, 'SIGKILL');
      assert.match(await yard.done(['down']), /everything has stopped/);
      assert.deepEqual([yard.processes(), await yard.takenPorts()], [[], []]);
      assert.equal(processFacts(before.postgres!), null);
    }));

  it('Ctrl-C ends everything that it has started, and what that has started', () =>
    using({ web: { ...web, entry: { ...web.entry, instances: 2 } } }, async (yard) => {
      const { child, said, ended } = yard.up();
      await until(() => said().includes('ready in'), 'it says that it is ready');
      const answer = await yard.json('/web');
      assert.equal((await yard.status()).services['web']!.instances.length, 2);
      child.kill('SIGINT');
      assert.equal(await ended, 0);
      assert.match(said(), /everything has stopped/);
      for (const pid of [answer['pid'], answer['child']]) assert.equal(processFacts(pid as number), null);
      assert.deepEqual([yard.processes(), await yard.takenPorts()], [[], []]);
    }));

  it('a second Ctrl-C does not wait for what does not want to end', () =>
    using(
      {
        deaf: {
          files: { 'main.js': `process.on('SIGTERM', () => {}); ${WEB('deaf')}` },
          entry: { run: 'node main.js', stopGrace: '10m' },
          route: '/',
        },
      },
      async (yard) => {
        const { child, said, ended } = yard.up();
        await until(() => said().includes('ready in'), 'it says that it is ready');
        child.kill('SIGTERM');
        await until(() => /gateway +stopped/.test(said()), 'the gateway has stopped');
        child.kill('SIGINT');
        // Two within half a second count as one: a terminal's signal may come twice.
        const again = setInterval(() => child.kill('SIGINT'), 600);
        assert.equal(await ended, 0);
        clearInterval(again);
        assert.deepEqual([yard.processes(), await yard.takenPorts()], [[], []]);
      },
    ));

  it('what runs is a release: edits reach neither it nor its restarts, only the next deployment', () =>
    using({ web: { ...web, entry: { ...web.entry, build: 'echo built >> ../builds' } } }, async (yard) => {
      const builds = async () => (await readFile(join(yard.root, 'builds'), 'utf8')).split('\n').length - 1;
      await yard.done(['up', '-d']);
      await yard.write('web', { 'main.js': WEB('second') });
      const { pid } = (await yard.status()).services['web']!.instances[0]!;
      process.kill(pid!, 'SIGKILL');
      await until(async () => (await yard.status()).services['web']!.instances[0]?.restarts === 1, 'it is back');
      await until(async () => (await yard.get('/web')).status === 200, 'it answers');
      assert.equal((await yard.json('/web'))['text'], 'first');
      await yard.done(['restart', 'web']);
      await until(async () => (await yard.get('/web')).status === 200, 'it answers');
      assert.equal((await yard.json('/web'))['text'], 'first');
      assert.equal((await yard.json('/web'))['deployment'], 'web-1');
      assert.equal(await builds(), 1);

      await yard.done(['down']);
      await yard.done(['up', '-d']);
      assert.equal((await yard.json('/web'))['text'], 'second');
      const [instance] = (await yard.status()).services['web']!.instances;
      assert.deepEqual(
        [instance!.deployment, instance!.side, instance!.port],
        ['web-2', 'green', yard.ports['web']![1]],
      );
      assert.equal(await builds(), 2);

      await yard.done(['down']);
      await yard.done(['up', '-d']);
      assert.equal((await yard.status()).services['web']!.live, 'web-2');
      assert.equal(await builds(), 2, 'nothing has changed, nothing is built');
    }));

  it('what cannot be started is told with the reason, and the rest runs', () =>
    using(
      {
        web,
        broken: {
          files: { 'main.js': `console.log('no luck today'); process.exit(3)` },
          entry: { run: 'node main.js' },
          route: '/broken',
        },
        unbuilt: {
          files: { 'x.txt': '' },
          entry: { build: 'echo a fault in line 7; exit 2', run: 'node main.js' },
          route: '/unbuilt',
        },
        absent: { files: { 'x.txt': '' }, entry: { run: 'no-such-program --port ${PORT}' }, route: '/absent' },
        secret: {
          files: { 'x.txt': '' },
          entry: { run: 'node main.js', env: { A: '${env:NOT_THERE_AT_ALL}' } },
          route: '/secret',
        },
        taken: { files: { 'main.js': WEB('taken') }, entry: { run: 'node main.js' }, route: '/taken' },
      },
      async (yard) => {
        const stranger = createServer().listen(yard.ports['taken']![0], '127.0.0.1');
        await once(stranger, 'listening');
        stranger.unref();
        const up = await yard.yard(['up', '-d']);
        assert.equal(up.code, 1);
        assert.match(up.stderr, /broken, unbuilt, absent, secret, taken could not be started; the rest runs/);
        assert.match(up.stdout, /broken: ended with exit code 3\n +no luck today/);
        assert.match(up.stdout, /unbuilt: its build failed \(.*exit code 2\)\n +a fault in line 7/);
        assert.match(up.stdout, /absent: the command "no-such-program" was not found on the PATH/);
        assert.match(up.stdout, /secret: env A: the environment of the yard has no NOT_THERE_AT_ALL/);
        const port = (stranger.address() as AddressInfo).port;
        assert.match(up.stdout, new RegExp(`taken: port ${port} is taken by pid ${process.pid}`));
        assert.equal((await yard.json('/web'))['text'], 'first');

        // What was wrong is put right, and each comes up by itself.
        stranger.close();
        await yard.write('broken', { 'main.js': WEB('mended') });
        const state = async (name: string) => (await yard.status()).services[name]!.state;
        await until(async () => (await state('taken')) === 'ready', 'the port is free and the service there');
        await until(async () => (await state('broken')) === 'ready', 'the mended service is there');
        await until(async () => (await yard.get('/broken')).status === 200, 'it is routed to');
        assert.equal((await yard.json('/broken'))['text'], 'mended');
      },
    ));

  it('secrets reach the service and nothing else', () =>
    using(
      {
        web: {
          ...web,
          entry: { ...web.entry, env: { A: '${env:A_SECRET}', B: '${file:secret.txt}' }, run: 'node main.js' },
        },
      },
      async (yard) => {
        await yard.write('.', { 'secret.txt': 'from-a-file\n' });
        const up = await yard.done(['up', '-d'], { A_SECRET: 'from-the-environment' });
        const { text } = await yard.get('/web').then(() => yard.get('/web'));
        assert.match(text, /first/);
        const port = yard.ports['web']![0];
        const environment = (await (await fetch(`http://127.0.0.1:${port}/environment`)).json()) as NodeJS.ProcessEnv;
        assert.deepEqual([environment['A'], environment['B']], ['from-the-environment', 'from-a-file']);
        assert.equal(environment['YARD_POSTGRES_URL'], undefined);
        const written = everythingIn(join(yard.root, '.yard')) + up + JSON.stringify(await yard.status());
        assert.doesNotMatch(written, /from-the-environment|from-a-file/);
      },
    ));

  it('one service is stopped and restarted while the others go on', () =>
    using({ web, other: { ...web, route: '/other' } }, async (yard) => {
      await yard.done(['up', '-d']);
      const other = (await yard.json('/other'))['pid'];
      await yard.done(['stop', 'web']);
      assert.equal((await yard.status()).services['web']!.state, 'stopped');
      assert.equal((await yard.get('/web')).status, 503);
      await yard.done(['restart', 'web']);
      await until(async () => (await yard.get('/web')).status === 200, 'it answers');
      assert.equal((await yard.json('/other'))['pid'], other);
      const wrong = await yard.yard(['restart', 'wbe']);
      assert.deepEqual([wrong.code, /did you mean web\?/.test(wrong.stderr)], [1, true]);
    }));

  it('the registry and the gateway come back by themselves, and what was live stays so', () =>
    using({ web }, async (yard) => {
      await yard.done(['up', '-d']);
      const before = await yard.status();
      for (const part of ['registry', 'gateway'] as const) process.kill(before[part].instances[0]!.pid!, 'SIGKILL');
      await until(async () => {
        const { registry, gateway } = await yard.status();
        return [registry, gateway].every(({ state, instances }) => state === 'ready' && instances[0]!.restarts === 1);
      }, 'both are back');
      await until(async () => (await yard.get('/web').catch(() => null))?.status === 200, 'requests arrive');
      const after = await yard.status();
      assert.equal(after.services['web']!.instances[0]!.pid, before.services['web']!.instances[0]!.pid);
      assert.ok(after.epoch! >= before.epoch!);
    }));

  it('in a folder whose path is too long for a socket it works all the same', () =>
    using(
      { web },
      async (yard) => {
        await yard.done(['up', '-d']);
        assert.equal((await yard.status()).services['web']!.state, 'ready');
        await yard.done(['down']);
        assert.equal(existsSync(join(yard.root, '.yard/supervisor.json')), false);
      },
      'a-folder-with-a-very-long-name/'.repeat(5),
    ));

  it('a stale socket and a torn state file of a dead supervisor are no hindrance', () =>
    using({ web }, async (yard) => {
      await yard.done(['up', '-d']);
      process.kill((await yard.status()).supervisor!.pid, 'SIGKILL');
      await yard.done(['down']);
      assert.equal(existsSync(join(yard.root, '.yard/supervisor.sock')), true);
      await rm(join(yard.root, '.yard/state.json'));
      await yard.write('.', { '.yard/state.json': '{"checksum":"' });
      await yard.done(['up', '-d']);
      assert.equal((await yard.json('/web'))['text'], 'first');
    }));
});
