/** The contract of the runtime port, kept by processes, and what only processes can get wrong. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { access, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from './ports.ts';
import { isAlive, processFacts } from './processes.ts';
import { ProcessRuntime } from './process-runtime.ts';
import { InstanceRecords } from './instance-records.ts';
import { launchFileOf } from './launch-through.ts';
import { describeRuntime, HEIR, holder, untilWritten } from './runtime.contract.ts';
import type { RuntimeUnderTest } from './runtime.contract.ts';

async function make(): Promise<RuntimeUnderTest & { readonly folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'yard-runtime-'));
  const runtime = new ProcessRuntime(join(folder, 'instances'));
  return {
    folder,
    runtime,
    again: () => new ProcessRuntime(join(folder, 'instances')),
    spec: (script, ports) => {
      const id = `test-1.1.${randomBytes(6).toString('hex')}`;
      return {
        id,
        service: 'test',
        deployment: 'test-1',
        argv: [process.execPath, '-e', script],
        cwd: folder,
        env: {
          PORT: String(ports['http']),
          INSTANCE_ID: id,
          SECRET: 'never-to-be-written',
          SUCCESSOR_FILE: join(folder, 'instances', `${id}.successor`),
        },
        ports,
        logFile: join(folder, 'logs', `${id}.log`),
        labels: { side: 'blue' },
      };
    },
    cleanUp: async () => {
      const last = new ProcessRuntime(join(folder, 'instances'));
      for (const { id } of await last.list()) await last.stop(id, { graceMs: 0 });
      await rm(folder, { recursive: true });
    },
  };
}

describeRuntime('process', make);

it('a record holds no value of the environment and is for the owner alone', async () => {
  const under = await make();
  try {
    await under.runtime.start(under.spec('setTimeout(() => {}, 1e9)', { http: await freePort() }));
    const files = await readdir(join(under.folder, 'instances'));
    assert.ok(files.length > 0);
    for (const file of files) {
      assert.doesNotMatch(await readFile(join(under.folder, 'instances', file), 'utf8'), /never-to-be-written/);
    }
  } finally {
    await under.cleanUp();
  }
});

it('a process made just before the supervisor died is found by what it wrote itself', async () => {
  const under = await make();
  try {
    const record = await under.runtime.start(under.spec('setTimeout(() => {}, 1e9)', { http: await freePort() }));
    const file = join(under.folder, 'instances', `${record.id}.json`);
    const written = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
    await writeFile(file, JSON.stringify({ ...written, process: null }));
    assert.deepEqual(
      (await under.again().list()).map(({ id, handle }) => [id, handle]),
      [[record.id, record.handle]],
    );
  } finally {
    await under.cleanUp();
  }
});

it('an instance whose record was torn is ended, so that it keeps its port from nobody', async () => {
  const under = await make();
  try {
    const record = await under.runtime.start(under.spec('setTimeout(() => {}, 1e9)', { http: await freePort() }));
    const facts = processFacts(Number(record.handle))!;
    await writeFile(join(under.folder, 'instances', `${record.id}.json`), '{"version":1,"id":"');
    assert.deepEqual(await under.again().list(), []);
    assert.equal(isAlive(facts), false);
    assert.deepEqual(await readdir(join(under.folder, 'instances')), []);
  } finally {
    await under.cleanUp();
  }
});

it('a stranger that has got the process id of a dead instance is neither taken over nor killed', async () => {
  const under = await make();
  try {
    const spec = under.spec('setTimeout(() => {}, 1e9)', { http: await freePort() });
    const record = await under.runtime.start(spec);
    const stranger = await under.runtime.start(under.spec('setTimeout(() => {}, 1e9)', { http: await freePort() }));
    await under.runtime.stop(record.id, { graceMs: 0 });
    const pid = Number(stranger.handle);
    const gone = { version: 1, ...record, process: { pid, born: 'long-ago' } };
    await writeFile(join(under.folder, 'instances', `${record.id}.json`), JSON.stringify(gone));
    const facts = processFacts(pid)!;
    assert.deepEqual(
      (await under.again().list()).map(({ id }) => id),
      [stranger.id],
    );
    assert.equal(isAlive(facts), true);
  } finally {
    await under.cleanUp();
  }
});

it('a wish for a successor that nobody has seen dies with its supervisor', async () => {
  const under = await make();
  try {
    const old = await under.runtime.start(under.spec('setTimeout(() => {}, 1e9)', { http: await freePort() }));
    const wish = under.spec(HEIR, { http: await freePort() });
    await writeFile(
      join(under.folder, 'instances', `${wish.id}.json`),
      JSON.stringify({ version: 1, ...old, id: wish.id, process: null }),
    );
    const launchFile = join(under.folder, 'instances', `${old.id}.successor`);
    await writeFile(launchFile, '{}');
    assert.deepEqual(await under.again().list(), [old]);
    await assert.rejects(access(launchFile));
  } finally {
    await under.cleanUp();
  }
});

it('a successor that is made after its supervisor died and another one has looked goes by itself', async () => {
  const under = await make();
  try {
    const port = await freePort();
    const old = await under.runtime.start(under.spec(holder(500), { http: port }));
    // Whoever answers has run its script, and so knows the signal.
    while (
      !(await fetch(`http://127.0.0.1:${port}/`).then(
        () => true,
        () => false,
      ))
    )
      await pause(20);
    const heir = under.spec(HEIR, { http: port });
    const folder = join(under.folder, 'instances');
    await writeFile(
      join(folder, `${heir.id}.json`),
      JSON.stringify({ version: 1, ...old, id: heir.id, process: null }),
    );
    await writeFile(join(folder, `${old.id}.successor`), launchFileOf(heir, new InstanceRecords(folder)));
    await under.runtime.signal(old.id, 'SIGUSR2');
    await untilWritten(old.logFile, 'told');
    assert.deepEqual(await under.again().list(), [old]);
    await untilWritten(old.logFile, 'gone');
    assert.equal(await readFile(heir.logFile, 'utf8'), '');
    assert.deepEqual(await under.again().list(), [old]);
    assert.deepEqual((await readdir(folder)).toSorted(), [`${old.id}.json`, `${old.id}.pid`]);
  } finally {
    await under.cleanUp();
  }
});
