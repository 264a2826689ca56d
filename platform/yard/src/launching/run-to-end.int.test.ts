/** Commands that are run to their end, as real processes. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { ProcessRuntime } from '../runtime/process-runtime.ts';
import type { InstanceSpec } from '../runtime/runtime.ts';
import { runToEnd } from './run-to-end.ts';
import type { RanToEnd } from './run-to-end.ts';

const NEVER = new AbortController().signal;
const DEADLINE_MS = 30_000;
const SLEEPS = 'setTimeout(() => {}, 1e9);';

interface Under {
  readonly runtime: ProcessRuntime;
  readonly logFile: string;
  readonly spec: (script: string, more?: Partial<InstanceSpec>) => InstanceSpec;
  readonly run: (script: string, timeoutMs?: number) => Promise<RanToEnd>;
}

async function using(work: (under: Under) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'yard-run-'));
  const runtime = new ProcessRuntime(join(folder, 'instances'));
  const logFile = join(folder, 'logs', 'migrate.log');
  let count = 0;
  const spec: Under['spec'] = (script, more = {}) => {
    const id = `users.hook.${(count += 1)}`;
    return {
      id,
      service: 'users',
      deployment: 'users-2',
      argv: [process.execPath, '-e', script],
      cwd: folder,
      env: { INSTANCE_ID: id },
      ports: {},
      logFile,
      labels: { role: 'hook' },
      ...more,
    };
  };
  const run: Under['run'] = (script, timeoutMs = DEADLINE_MS) =>
    runToEnd({ runtime, spec: spec(script), timeoutMs, signal: NEVER });
  try {
    await work({ runtime, logFile, spec, run });
    assert.deepEqual(await runtime.list(), [], 'something still runs');
  } finally {
    await rm(folder, { recursive: true });
  }
}

it('a command that ends with 0 is well, and what it wrote is in its log', () =>
  using(async ({ run, logFile }) => {
    assert.deepEqual(await run(`console.log('two tables')`), { ok: true });
    assert.equal(await readFile(logFile, 'utf8'), 'two tables\n');
  }));

it('another exit code is told with the last lines of this run, not of those before', () =>
  using(async ({ run }) => {
    await run(`console.log('of the first run')`);
    const script = `for (let i = 1; i <= 20; i += 1) console.log('line', i); console.error('no such table'); process.exitCode = 3`;
    const ran = await run(script);
    assert.ok(!ran.ok);
    assert.equal(ran.how, 'exit code 3');
    assert.equal(ran.lines.length, 15);
    assert.deepEqual([ran.lines[0], ran.lines.at(-1)], ['line 7', 'no such table']);
    assert.deepEqual(await run('process.exit(4)'), { ok: false, how: 'exit code 4', lines: [] });
  }));

it('a signal is told by its name', () =>
  using(async ({ run }) => {
    const ran = await run(`process.kill(process.pid, 'SIGKILL'); ${SLEEPS}`);
    assert.deepEqual(ran, { ok: false, how: 'SIGKILL', lines: [] });
  }));

it('what does not end in time is stopped, with everything it started', () =>
  using(async ({ run }) => {
    const child = `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(SLEEPS)}]);`;
    const ran = await run(`${child} ${SLEEPS}`, 300);
    assert.deepEqual(ran, { ok: false, how: 'it did not end within 300 ms', lines: [] });
  }));

it('a command that cannot be started says why', () =>
  using(async ({ runtime, spec }) => {
    const wanted = spec('', { argv: ['no-such-command-anywhere'] });
    const ran = await runToEnd({ runtime, spec: wanted, timeoutMs: DEADLINE_MS, signal: NEVER });
    assert.ok(!ran.ok);
    assert.match(ran.how, /no-such-command-anywhere/);
  }));

it('what is given up is stopped, and the reason thrown', () =>
  using(async ({ runtime, spec }) => {
    const giveUp = new AbortController();
    const running = runToEnd({ runtime, spec: spec(SLEEPS), timeoutMs: DEADLINE_MS, signal: giveUp.signal });
    giveUp.abort(new Error('not wanted any more'));
    await assert.rejects(running, /not wanted any more/);
    const never = runToEnd({ runtime, spec: spec(SLEEPS), timeoutMs: DEADLINE_MS, signal: giveUp.signal });
    await assert.rejects(never, /not wanted any more/);
  }));
