/** The probes behave as their settings say, good and bad, in both languages. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { eventually, freePorts } from '../yard-under-test.ts';
import { writeProbe } from './probe-files.ts';
import type { ProbeLanguage, ProbeSettings } from './probe-files.ts';
import type { Failure } from './tally.ts';
import { startTraffic } from './traffic.ts';

const COMMANDS: Readonly<Record<ProbeLanguage, [string, string]>> = {
  node: [process.execPath, 'probe.mjs'],
  python: [process.env['PYTHON'] ?? 'python3', 'probe.py'],
};

let root: string;
before(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'probe-'));
});
after(() => rm(root, { recursive: true, force: true }));

class RunningProbe {
  readonly origin: string;
  readonly ended: Promise<number | NodeJS.Signals | null>;
  errors = '';
  private readonly child: ChildProcess;

  private constructor(language: ProbeLanguage, cwd: string, port: number) {
    this.origin = `http://127.0.0.1:${port}`;
    const [command, file] = COMMANDS[language];
    const env = { ...process.env, HOST: '127.0.0.1', PORT: String(port), DEPLOYMENT_ID: 'probe-7' };
    this.child = spawn(command, [file], { cwd, env, stdio: ['ignore', 'ignore', 'pipe'] });
    this.child.stderr!.on('data', (chunk: Buffer) => (this.errors += chunk.toString()));
    this.ended = new Promise((resolve) => this.child.once('close', (code, signal) => resolve(code ?? signal)));
  }

  static async start(language: ProbeLanguage, settings: ProbeSettings): Promise<RunningProbe> {
    const folder = await mkdtemp(path.join(root, `${language}-`));
    await writeProbe(folder, settings, language);
    return new RunningProbe(language, folder, (await freePorts(1))[0]!);
  }

  health(): Promise<number> {
    return eventually('it listens', async () => (await fetch(`${this.origin}/health`)).status);
  }
  async get(): Promise<number> {
    return (await fetch(`${this.origin}/x/get?n=1`)).status;
  }
  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }
}

for (const language of ['node', 'python'] as const) {
  test(`${language}: crashes at boot, with a line that says so`, async () => {
    const probe = await RunningProbe.start(language, { crashesAtBoot: true });
    assert.equal(await probe.ended, 1);
    assert.match(probe.errors, /probe-7 cannot start/);
  });

  test(`${language}: is never ready, and answers all the same`, async () => {
    const probe = await RunningProbe.start(language, { healthStatus: 503 });
    assert.equal(await probe.health(), 503);
    assert.equal(await probe.get(), 200);
    probe.kill('SIGKILL');
    await probe.ended;
  });

  test(`${language}: is ready, then exits`, async () => {
    const probe = await RunningProbe.start(language, { exitsAfterHealthyMs: 100 });
    assert.equal(await probe.health(), 200);
    assert.equal(await probe.ended, 1);
  });

  test(`${language}: ends at once on SIGTERM, or ignores it`, async () => {
    const exits = await RunningProbe.start(language, {});
    const ignores = await RunningProbe.start(language, { onStop: 'ignore' });
    await Promise.all([exits.health(), ignores.health()]);
    exits.kill('SIGTERM');
    ignores.kill('SIGTERM');
    assert.ok([0, 'SIGTERM'].includes((await exits.ended) as number | 'SIGTERM'));
    assert.equal(await ignores.get(), 200);
    ignores.kill('SIGKILL');
    assert.equal(await ignores.ended, 'SIGKILL');
  });

  test(`${language}: answers 500 after some requests or some time, and stays healthy`, async () => {
    const counts = await RunningProbe.start(language, { failsAfterRequests: 2 });
    await counts.health();
    assert.deepEqual([await counts.get(), await counts.get(), await counts.get()], [200, 200, 500]);
    assert.equal(await counts.health(), 200);
    counts.kill('SIGKILL');
    const waits = await RunningProbe.start(language, { failsAfterMs: 200 });
    await waits.health();
    await eventually('it fails', async () => (await waits.get()) === 500);
    assert.equal(await waits.health(), 200);
    waits.kill('SIGKILL');
    await Promise.all([counts.ended, waits.ended]);
  });

  test(`${language}: says that it is another instance`, async () => {
    const probe = await RunningProbe.start(language, { headers: { 'x-switchyard-instance': 'another-1' } });
    await probe.health();
    const response = await fetch(`${probe.origin}/get?n=1`);
    assert.equal(response.headers.get('x-switchyard-instance'), 'another-1');
    assert.equal(response.headers.get('x-deployment'), 'probe-7');
    probe.kill('SIGKILL');
    await probe.ended;
  });
}

for (const onStop of ['graceful', 'exit'] as const) {
  test(`on SIGTERM under load, a probe that stops by ${onStop} ${onStop === 'exit' ? 'breaks' : 'finishes'} what it has begun`, async () => {
    const probe = await RunningProbe.start('node', { onStop });
    await probe.health();
    const traffic = startTraffic({
      origin: probe.origin,
      ratePerSecond: 100,
      requests: 10,
      kinds: { slow: 1, upload: 1 },
    });
    await eventually('every kind is under way', async () => traffic.counts().sent >= 10 + 8);
    probe.kill('SIGTERM');
    await probe.ended;
    if (onStop === 'exit') {
      await eventually(
        'each kind is broken',
        async () => new Set(broken(traffic.failures()).map(({ kind }) => kind)).size === 4,
      );
    }
    const { failures } = await traffic.stop();
    if (onStop === 'graceful') assert.deepEqual(broken(failures), []);
    else assert.ok(broken(failures).every(({ cause }) => cause === 'transport'));
  });
}

/** What had been begun; nobody listens any more for what came later. */
const broken = (failures: readonly Failure[]): Failure[] =>
  failures.filter(({ reason }) => !reason.startsWith('ECONNREFUSED'));
