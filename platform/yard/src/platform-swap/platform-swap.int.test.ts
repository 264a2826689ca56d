/** The gateway and the registry of a real yard are swapped under load, and what is interrupted leaves one of each. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, get } from 'node:http';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { until, WEB, YardFixture } from '../supervisor/yard-fixture.ts';

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));
const CLIENTS = 8;

async function using(work: (yard: YardFixture) => Promise<void>, workers = 1): Promise<void> {
  const web = { files: { 'main.js': WEB('first') }, entry: { run: 'node main.js', health: '/' }, route: '/web' };
  const yard = await YardFixture.make({ web });
  const file = join(yard.root, 'switchyard.yaml');
  const written = await readFile(file, 'utf8');
  await writeFile(file, written.replace('"gateway": {', `"gateway": { "workers": ${workers},`));
  try {
    await yard.done(['up', '-d']);
    await work(yard);
  } finally {
    await yard.cleanUp();
  }
}

/** Asks over connections that are kept open, until `work` is done; answers what was not a good answer. */
async function underLoad(yard: YardFixture, work: () => Promise<void>): Promise<string[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
  const over = new AbortController();
  const wrong: string[] = [];
  const ask = (): Promise<string> =>
    new Promise((resolve) => {
      get({ host: '127.0.0.1', port: yard.gatewayPort, path: '/web', agent }, (answer) => {
        answer.resume();
        answer.on('end', () => resolve(String(answer.statusCode)));
        answer.on('error', (error) => resolve(error.message));
      }).on('error', (error) => resolve(error.message));
    });
  const clients = Array.from({ length: CLIENTS }, async () => {
    while (!over.signal.aborted) {
      const said = await ask();
      if (said !== '200') wrong.push(said);
      await pause(10);
    }
  });
  try {
    await work();
  } finally {
    over.abort();
    await Promise.all(clients);
    agent.destroy();
  }
  return wrong;
}

const instanceOf = async (yard: YardFixture, part: 'gateway' | 'registry') => {
  const { [part]: state } = await yard.status();
  return { deployment: state.instances[0]?.deployment, pids: state.instances.map(({ pid }) => pid) };
};

/** Those who route, by the registry. */
async function watchersOf(yard: YardFixture): Promise<string[]> {
  const answer = await fetch(`http://127.0.0.1:${yard.registryPort}/v1/watchers`);
  const { watchers } = (await answer.json()) as { readonly watchers: { readonly id: string }[] };
  return watchers.map(({ id }) => id).toSorted();
}

const supervisorOf = async (yard: YardFixture): Promise<number> =>
  (JSON.parse(await readFile(join(yard.root, '.yard/supervisor.json'), 'utf8')) as { pid: number }).pid;

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

/** Resolves when the command has told of an event that matches; its output goes on being read. */
async function swapUntil(yard: YardFixture, options: readonly string[], event: RegExp): Promise<Swapping> {
  const child = spawn(process.execPath, [MAIN, 'swap', 'gateway', '--json', ...options], {
    cwd: yard.root,
    env: { ...process.env, NODE_TEST_CONTEXT: '' },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const exit = once(child, 'exit').then(([code]) => code as number);
  const told = Promise.withResolvers<void>();
  createInterface({ input: child.stdout })
    .on('line', (line) => event.test(line) && told.resolve())
    .on('close', () => told.reject(new Error(`the swap ended without ${event}`)));
  await told.promise;
  return { exit };
}

interface Swapping {
  readonly exit: Promise<number>;
}

const HELD = /"isHeld":true/;

describe('the platform of a yard', { timeout: 300_000 }, () => {
  it('gets a new gateway, a new registry, and the gateway before, without a failed request', () =>
    using(async (yard) => {
      const before = { gateway: await instanceOf(yard, 'gateway'), registry: await instanceOf(yard, 'registry') };
      const wrong = await underLoad(yard, async () => {
        await yard.done(['swap', 'gateway']);
        const next = await instanceOf(yard, 'gateway');
        assert.notEqual(next.deployment, before.gateway.deployment);
        assert.notDeepEqual(next.pids, before.gateway.pids);
        assert.equal(isRunning(before.gateway.pids[0]!), false);
        await yard.done(['swap', 'registry']);
        assert.notDeepEqual(await instanceOf(yard, 'registry'), before.registry);
        await yard.done(['rollback', 'gateway']);
        assert.equal((await instanceOf(yard, 'gateway')).deployment, before.gateway.deployment);
      });
      assert.deepEqual(wrong, []);
      await yard.done(['down']);
      assert.deepEqual(yard.processes(), []);
      assert.deepEqual(await yard.takenPorts(), []);
    }));

  it('gets a new gateway of two workers without a failed request, waits for both, and leaves no worker behind', () =>
    using(async (yard) => {
      await until(async () => (await watchersOf(yard)).length === 2, 'both workers watch');
      const [first, second] = await watchersOf(yard);
      assert.equal(second, `${first}.w2`);
      const wrong = await underLoad(yard, async () => {
        assert.match(await yard.done(['swap', 'web', '--bake', '1s', '--json']), /"watchers":2/);
        await yard.done(['swap', 'gateway']);
        await until(
          async () => (await watchersOf(yard)).filter((id) => !id.startsWith(first!)).length === 2,
          'both watch',
        );
        // Those before have ended, whatever is left of their leases.
        assert.match(await yard.done(['swap', 'web', '--bake', '1s', '--json']), /"watchers":2/);
      });
      assert.deepEqual(wrong, []);
      const before = yard.processes();
      const { pids } = await instanceOf(yard, 'gateway');
      process.kill(pids[0]!, 'SIGKILL');
      await until(async () => (await yard.get('/web').catch(() => null))?.status === 200, 'it serves again');
      assert.equal((await instanceOf(yard, 'gateway')).pids.includes(pids[0]!), false);
      await until(() => yard.processes().length === before.length, 'there are two workers again');
      await yard.done(['down']);
      assert.deepEqual(yard.processes(), []);
      assert.deepEqual(await yard.takenPorts(), []);
    }, 2));

  it('keeps its gateway when the next one cannot take over', () =>
    using(async (yard) => {
      const before = await instanceOf(yard, 'gateway');
      const file = join(yard.root, 'switchyard.yaml');
      const written = await readFile(file, 'utf8');
      await writeFile(file, written.replace(`"port": ${yard.gatewayPort}`, '"port": 1'));
      const moved = await yard.yard(['swap', 'gateway']);
      assert.equal(moved.code, 3);
      assert.match(moved.stdout + moved.stderr, /address of gateway has changed/);
      await writeFile(file, written);
      await yard.done(['stop', 'registry']);
      const lonely = await yard.yard(['swap', 'gateway']);
      assert.equal(lonely.code, 3);
      assert.match(lonely.stdout + lonely.stderr, /no table from the registry/);
      assert.deepEqual(await instanceOf(yard, 'gateway'), before);
      assert.equal((await yard.get('/web')).status, 200);
    }));

  it('goes back to its gateway when the new one dies soon after it took over', () =>
    using(async (yard) => {
      const before = await instanceOf(yard, 'gateway');
      const running = new Set(yard.processes());
      const { exit } = await swapUntil(yard, ['--bake', '1h'], /"stage":"committed","detail":"it accepts/);
      const [candidate] = yard.processes().filter((pid) => !running.has(pid));
      process.kill(candidate!, 'SIGKILL');
      assert.equal(await exit, 4);
      assert.deepEqual(await instanceOf(yard, 'gateway'), before);
      assert.equal((await yard.get('/web')).status, 200);
      assert.match(
        await yard.done(['history', '--json']),
        /"outcome":"reverted","reason":"gateway-2(?:: ended| does not stay well)/,
      );
    }));

  it('goes down without a trace in the middle of a swap of its gateway', async () => {
    for (const stage of ['healthy', 'committed']) {
      await using(async (yard) => {
        await swapUntil(yard, ['--hold-at', stage], HELD);
        await yard.done(['down']);
        assert.deepEqual(yard.processes(), []);
        assert.deepEqual(await yard.takenPorts(), []);
      });
    }
  });

  for (const [stage, who] of [
    ['healthy', 'the one before'],
    ['committed', 'the new one'],
  ] as const) {
    it(`goes on with ${who} when its supervisor is killed at the stage ${stage}`, () =>
      using(async (yard) => {
        const [old] = (await instanceOf(yard, 'gateway')).pids;
        const running = yard.processes().length;
        const wrong = await underLoad(yard, async () => {
          const { exit } = await swapUntil(yard, ['--hold-at', stage], HELD);
          assert.equal(yard.processes().length, running + 1);
          process.kill(await supervisorOf(yard), 'SIGKILL');
          await exit;
          await yard.done(['up', '-d']);
          const { pids } = await instanceOf(yard, 'gateway');
          assert.equal(pids.length, 1);
          assert.equal(pids[0] === old, stage === 'healthy');
          await until(() => yard.processes().length === running, 'the other one is gone');
          assert.equal(isRunning(pids[0]!), true);
        });
        assert.deepEqual(wrong, []);
      }));
  }
});
