/** The commands around a swap as they are typed, against a supervisor's socket that answers by a script: exit codes, Ctrl-C, broken connections. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Asked } from '../../control/control-client.ts';
import { ControlServer } from '../../control/control-server.ts';
import type { Answer, Answerer } from '../../control/control-server.ts';
import type { YardStatus } from '../../status/yard-status.ts';
import { SwapHistory } from '../../swap/swap-history.ts';
import type { SwapReport } from '../../swap/swap-report.ts';
import type { SwapStage } from '../../swap/swap-stage.ts';
import { yardFolder } from '../../yard-folder.ts';
import type { YardFolder } from '../../yard-folder.ts';

const MAIN = join(import.meta.dirname, '../../main.js');
const YARD_FILE = `services:
  users: { run: node a.js, ports: [23010, 23020] }
  feeds: { run: node a.js, ports: [23011, 23021] }
`;

const part: YardStatus['gateway'] = { state: 'ready', detail: '', fault: null, instances: [] };
const service = { ...part, live: 'users-6', standby: null, candidate: null, swap: null, needs: [] };
const STATUS: YardStatus = {
  root: '/yard',
  supervisor: { pid: 4711, startedAt: '2026-11-22T06:10:00.000Z' },
  epoch: 12,
  url: 'http://localhost:8000',
  services: { users: { ...service }, feeds: { ...service, live: 'feeds-3' } },
  registry: part,
  gateway: part,
  postgres: null,
};
const REPORT: SwapReport = {
  version: 1,
  id: 'swap-0123456789ab',
  kind: 'swap',
  services: { users: { from: 'users-6', to: 'users-7' } },
  startedAt: '2026-11-22T06:12:03.000Z',
  endedAt: '2026-11-22T06:12:37.400Z',
  outcome: 'done',
  reason: null,
  lines: [],
  timeline: [{ stage: 'locked', atMs: 4 }],
  epoch: 12,
  commitToAcknowledgedMs: 11.6,
  revertMs: null,
  requests: {},
  cut: 0,
};

const event = (stage: SwapStage, id = REPORT.id, services = REPORT.services): Answer => ({
  answer: 'event',
  event: { kind: 'swap', id, services, stage, detail: '', sinceMs: 1, figures: {}, atMs: 1 },
});
const swapped = (exitCode: number, report: SwapReport | null, goingOn = ''): Answer => ({
  answer: 'swapped',
  exitCode,
  report,
  goingOn,
});

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Begun {
  readonly child: ChildProcess;
  /** Resolves once it has written this to its standard output. */
  readonly until: (text: string) => Promise<void>;
  readonly ended: Promise<Ended>;
}

interface Scripted {
  readonly folder: YardFolder;
  /** Everything that was asked, the status aside. */
  readonly asked: Asked[];
  readonly yard: (...words: string[]) => Promise<Ended>;
  readonly begin: (...words: string[]) => Begun;
}

async function inYard(work: (yard: Scripted) => Promise<void>, answerer?: Answerer): Promise<void> {
  const folder = yardFolder(await mkdtemp(join(tmpdir(), 'yard-swap-')));
  await mkdir(folder.state);
  await writeFile(folder.file, YARD_FILE);
  const asked: Asked[] = [];
  const server =
    answerer === undefined
      ? null
      : new ControlServer(folder.socket, (request, answer, gone) => {
          if (request.do === 'status') return Promise.resolve({ answer: 'done', status: STATUS });
          const { version: _version, ...typed } = request;
          asked.push(typed);
          return answerer(request, answer, gone);
        });
  await server?.listen();
  const running = new Set<ChildProcess>();
  const begin: Scripted['begin'] = (...words) => {
    const env = { ...process.env, NO_COLOR: '1' };
    const child = spawn(process.execPath, [MAIN, ...words], { cwd: folder.root, env, timeout: 60_000 });
    running.add(child);
    let [stdout, stderr] = ['', ''];
    const more = new EventTarget();
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      more.dispatchEvent(new Event('more'));
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const ended = once(child, 'close').then(([code]) => {
      running.delete(child);
      return { code: code as number | null, stdout, stderr };
    });
    const until = async (text: string) => {
      const over = ended.then(({ stdout: all }) => assert.ok(all.includes(text), `it ended with ${all}`));
      while (!stdout.includes(text)) await Promise.race([once(more, 'more'), over]);
    };
    return { child, until, ended };
  };
  try {
    await work({ folder, asked, begin, yard: (...words) => begin(...words).ended });
  } finally {
    for (const child of running) child.kill('SIGKILL');
    await server?.close();
    await rm(folder.root, { recursive: true });
  }
}

const objects = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

test('the exit code of a swap is the one that the supervisor answers, with its report', async () => {
  const outcomes = { 0: 'done', 3: 'aborted', 4: 'reverted' } as const;
  for (const code of [0, 3, 4] as const) {
    await inYard(
      async ({ yard, asked }) => {
        const { code: ended, stdout, stderr } = await yard('swap', 'users', '--json', '--bake', '1s');
        assert.equal(ended, code, stderr);
        const lines = objects(stdout);
        assert.deepEqual(
          lines.map(({ kind, stage }) => stage ?? kind),
          ['asked', 'locked', 'report'],
        );
        assert.equal(lines.at(-1)!['exitCode'], code);
        assert.equal(lines.at(-1)!['outcome'], outcomes[code]);
        assert.equal(stderr, '');
        const [request] = asked;
        assert.ok(request?.do === 'swap' && request.swap.bakeMs === 1_000 && request.swap.askedAtMs <= Date.now());
      },
      (_request, answer) => {
        answer(event('asked'));
        answer(event('locked'));
        return Promise.resolve(swapped(code, { ...REPORT, outcome: outcomes[code] }));
      },
    );
  }
});

test('a swap that is refused because another one holds the lock ends with 5 and says which, to programs too', () =>
  inYard(
    async ({ yard }) => {
      const { code, stdout, stderr } = await yard('swap', 'users');
      assert.deepEqual([code, stdout], [5, '']);
      assert.match(stderr, /swap-ba9876543210 holds the lock[\s\S]*yard abort users/);
      const asked = await yard('swap', 'users', '--json');
      assert.equal(asked.code, 5);
      assert.deepEqual(objects(asked.stdout), [
        { kind: 'report', exitCode: 5, message: 'swap-ba9876543210 holds the lock', hint: 'yard abort users ends it' },
      ]);
    },
    () =>
      Promise.resolve({
        answer: 'refused',
        message: 'swap-ba9876543210 holds the lock',
        hint: 'yard abort users ends it',
        exitCode: 5,
      }),
  ));

test('what goes on by itself is told, with exit code 0', () =>
  inYard(
    async ({ yard, asked }) => {
      const { code, stdout } = await yard('swap', 'users', 'feeds', '--preview', '--canary', '5', '--no-wait');
      assert.deepEqual([code, stdout], [0, 'users-7 can be seen\n']);
      const [request] = asked;
      assert.ok(request?.do === 'swap' && request.swap.isPreview && request.swap.canaryPercent === 5);
      assert.deepEqual([request.swap.services, request.swap.waitsForBake], [['users', 'feeds'], false]);
    },
    () => Promise.resolve(swapped(0, null, 'users-7 can be seen')),
  ));

test('rollback, promote and abort ask for what they say', () =>
  inYard(
    async ({ yard, asked }) => {
      assert.equal((await yard('rollback', 'users', 'feeds')).code, 0);
      assert.equal((await yard('promote', 'users', '--no-wait')).code, 0);
      assert.equal((await yard('abort', 'users')).code, 0);
      const [rollback, ...others] = asked;
      assert.ok(rollback?.do === 'swap' && rollback.swap.kind === 'rollback' && rollback.swap.waitsForBake);
      assert.deepEqual(rollback.swap.services, ['users', 'feeds']);
      assert.deepEqual(others, [
        { do: 'promote', service: 'users', waitsForBake: false },
        { do: 'abort', service: 'users' },
      ]);
    },
    () => Promise.resolve(swapped(0, REPORT)),
  ));

test('swaps of other services, and those that were far already, are not shown', () =>
  inYard(
    async ({ yard }) => {
      const { stdout } = await yard('swap', 'users', '--json');
      assert.deepEqual(
        objects(stdout).map(({ id, kind }) => [kind, id]),
        [
          ['swap', REPORT.id],
          ['report', REPORT.id],
        ],
      );
    },
    (_request, answer) => {
      answer(event('asked', 'swap-of-feeds', { feeds: { from: 'feeds-3', to: 'feeds-4' } }));
      answer(event('drained', 'swap-before'));
      answer(event('asked'));
      answer(event('retired', 'swap-before'));
      return Promise.resolve(swapped(0, REPORT));
    },
  ));

test('Ctrl-C before the commit gives the swap up, and the command ends with what comes of it', async () => {
  const withdrawn = Promise.withResolvers<void>();
  await inYard(
    async ({ begin, asked }) => {
      const { child, until, ended } = begin('swap', 'users');
      await until('spawned');
      child.kill('SIGINT');
      const { code, stdout } = await ended;
      assert.equal(code, 3);
      assert.match(stdout, /giving it up[\s\S]*aborted .*users-6 is live, as before/);
      assert.deepEqual(asked.at(-1), { do: 'abort', service: 'users' });
    },
    async (request, answer) => {
      if (request.do === 'abort') {
        withdrawn.resolve();
        return swapped(0, null);
      }
      answer(event('asked'));
      answer(event('spawned'));
      await withdrawn.promise;
      return swapped(3, { ...REPORT, outcome: 'aborted' });
    },
  );
});

test('Ctrl-C after the commit leaves the swap alone, and the command ends with 0', async () => {
  const gone = Promise.withResolvers<void>();
  await inYard(
    async ({ begin, asked }) => {
      const { child, until, ended } = begin('swap', 'users');
      await until('committed');
      child.kill('SIGINT');
      const { code, stdout } = await ended;
      assert.equal(code, 0);
      assert.match(stdout, /the swap goes on; yard status shows it, yard rollback users takes it back/);
      assert.deepEqual(
        asked.map((request) => request.do),
        ['swap'],
      );
      await gone.promise;
    },
    async (_request, answer, left) => {
      left.addEventListener('abort', () => gone.resolve());
      answer(event('asked'));
      answer(event('committed'));
      await gone.promise;
      return swapped(0, REPORT);
    },
  );
});

test('a supervisor that is killed in the middle of a swap is told, with what finishes it', async () => {
  const sockets = new Set<Socket>();
  await inYard(async ({ yard, folder }) => {
    // A socket that ends without an answer, as the kernel ends those of a killed process.
    const server = createServer((socket) => {
      sockets.add(socket.on('error', () => undefined));
      socket.once('data', (text) => {
        if (String(text).includes('"status"'))
          socket.end(`${JSON.stringify({ version: 1, answer: 'done', status: STATUS })}\n`);
        else {
          socket.write(`${JSON.stringify({ version: 1, ...event('asked') })}\n`);
          socket.end(`${JSON.stringify({ version: 1, ...event('committed') })}\n`);
        }
      });
    }).listen(folder.socket);
    await once(server, 'listening');
    try {
      const { code, stdout, stderr } = await yard('swap', 'users', '--json');
      assert.equal(code, 1);
      assert.match(stderr, /the supervisor has ended[\s\S]*the services go on[\s\S]*yard resume/);
      const last = objects(stdout).at(-1)!;
      assert.deepEqual([last['kind'], last['exitCode']], ['report', 1]);
    } finally {
      for (const socket of sockets) socket.destroy();
      server.close();
    }
  });
});

test('wrong usage is told with exit code 2 before anything is asked', () =>
  inYard(
    async ({ yard, asked }) => {
      const wrong: readonly [string[], RegExp][] = [
        [['swap'], /needs a SERVICE/],
        [['swap', 'usres'], /no service "usres"[\s\S]*did you mean users\?/],
        [['rollback', 'postgres'], /no service "postgres"/],
        [['swap', 'users', 'users'], /users is named twice/],
        [['swap', 'users', 'gateway'], /the gateway is swapped alone/],
        [['rollback', 'gateway', 'users'], /the gateway is swapped alone/],
        [['swap', 'users', '--canary', '100'], /from 1 to 99/],
        [['promote', 'users', 'feeds'], /does not know what to do with "feeds"/],
        [['history', '-n', 'x'], /--count is "x"/],
      ];
      for (const [words, message] of wrong) {
        const { code, stdout, stderr } = await yard(...words);
        assert.deepEqual([code, stdout], [2, ''], `${words.join(' ')}: ${stderr}`);
        assert.match(stderr, message);
      }
      assert.deepEqual(asked, []);
    },
    () => Promise.resolve(swapped(0, REPORT)),
  ));

test('without a supervisor every one of them says what starts one', () =>
  inYard(async ({ yard }) => {
    for (const command of ['swap', 'rollback', 'promote', 'abort']) {
      const { code, stderr } = await yard(command, 'users');
      assert.equal(code, 1);
      assert.match(stderr, /no supervisor runs for this yard[\s\S]*yard up/);
    }
  }));

test('resume says that nothing was interrupted, or what came of what was', async () => {
  const answers = [swapped(0, null), swapped(0, { ...REPORT, outcome: 'aborted', reason: 'it was interrupted' })];
  await inYard(
    async ({ yard }) => {
      assert.deepEqual(await yard('resume'), { code: 0, stdout: 'no interrupted swap is left\n', stderr: '' });
      const { code, stdout } = await yard('resume');
      assert.equal(code, 0);
      assert.match(stdout, /aborted after 34\.4 s: users-6 is live, as before\n {2}users-6 -> users-7: locked 4 ms\n/);
    },
    () => Promise.resolve(answers.shift()!),
  );
});

test('the history is read without a supervisor: by service, the last so many, as a table or as reports', () =>
  inYard(async ({ yard, folder }) => {
    assert.equal((await yard('history')).stdout, 'nothing has been swapped yet\n');
    const history = new SwapHistory(folder.history);
    const feeds = { ...REPORT, id: 'swap-000000000002', services: { feeds: { from: 'feeds-3', to: 'feeds-4' } } };
    for (const report of [REPORT, feeds, { ...REPORT, id: 'swap-000000000003' }]) await history.append(report);
    const ids = async (...words: string[]) =>
      objects((await yard('history', '--json', ...words)).stdout).map(({ id }) => id);
    assert.deepEqual(await ids(), [REPORT.id, 'swap-000000000002', 'swap-000000000003']);
    assert.deepEqual(await ids('users'), [REPORT.id, 'swap-000000000003']);
    assert.deepEqual(await ids('-n', '1', 'users'), ['swap-000000000003']);
    assert.equal((await yard('history', 'front')).stdout, 'no swap of front is remembered\n');
    const { stdout } = await yard('history', 'feeds');
    assert.match(stdout, /^WHEN .*\n.* feeds-3 -> feeds-4 +done +34\.4 s .*12 ms\n$/);
  }));
