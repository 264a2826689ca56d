/** What every adapter of the runtime port keeps to; each adapter's `*.int.test.ts` runs it against the real thing. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from './ports.ts';
import { StartFault } from './runtime.ts';
import type { InstanceRecord, InstanceSpec, Runtime } from './runtime.ts';

/** What an adapter gives to the suite. */
export interface RuntimeUnderTest {
  readonly runtime: Runtime;
  /** Another one over the same state, as a supervisor that was killed and started again has it. */
  readonly again: () => Runtime;
  /** A spec that runs this JavaScript on Node.js with `PORT` and `SUCCESSOR_FILE` given. */
  readonly spec: (script: string, ports: Readonly<Record<string, number>>) => InstanceSpec;
  readonly cleanUp: () => Promise<void>;
}

const ANSWER = `require('node:http').createServer((q, s) => s.end(process.env.INSTANCE_ID)).listen(+process.env.PORT, '127.0.0.1');`;
const DEAF = `process.on('SIGTERM', () => console.log('no'));`;
const GRANDCHILD = `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(ANSWER)}], { stdio: 'inherit' });`;
const SLOW = `${ANSWER} process.on('SIGTERM', () => setTimeout(() => { console.log('ended in peace'); process.exit(); }, 300));`;
const SLOW_GRANDCHILD = `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(SLOW)}], { stdio: 'inherit' });`;
/** Does not say whose it is. */
const NAMELESS = `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(ANSWER)}], { stdio: 'inherit', env: { PORT: process.env.PORT } });`;
/** Leaves the process group of its parent, as daemons do. */
const RUNAWAY = `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(ANSWER)}], { detached: true, stdio: 'ignore' }).unref();`;
/** Answers, and on SIGUSR2 starts its successor with the socket it listens on, `delayMs` after it has read what to start, and said so. */
export const holder = (delayMs = 0): string => `const fs = require('node:fs');
  const server = ${ANSWER.slice(0, -1)};
  process.on('SIGUSR2', () => {
    const { argv, cwd, env, logFile } = JSON.parse(fs.readFileSync(process.env.SUCCESSOR_FILE, 'utf8'));
    fs.unlinkSync(process.env.SUCCESSOR_FILE);
    console.log('told');
    const log = fs.openSync(logFile, 'a');
    const stdio = ['ignore', log, log, server._handle.fd];
    const start = () => {
      const child = require('node:child_process').spawn(argv[0], argv.slice(1), { cwd, env, stdio, detached: true });
      child.on('exit', () => console.log('gone'));
    };
    setTimeout(start, ${delayMs});
  });`;
/** Answers on the socket that it was given. */
export const HEIR = `console.log('ran'); ${ANSWER.replace("listen(+process.env.PORT, '127.0.0.1')", 'listen({ fd: 3 })')}`;
const NEVER = new AbortController().signal;
const DEADLINE_MS = 15_000;

export function describeRuntime(name: string, make: () => Promise<RuntimeUnderTest>): void {
  describe(`the ${name} runtime`, { timeout: 120_000 }, () => {
    const using = async (work: (under: RuntimeUnderTest, port: number) => Promise<void>): Promise<void> => {
      const under = await make();
      try {
        await work(under, await freePort());
      } finally {
        await under.cleanUp();
      }
    };

    it('starts an instance that answers on its port and writes to its log file', () =>
      using(async ({ runtime, spec }, port) => {
        const wanted = spec(`console.log('hello'); ${ANSWER}`, { http: port });
        const record = await runtime.start(wanted);
        assert.deepEqual([record.id, record.deployment, record.ports['http']], [wanted.id, wanted.deployment, port]);
        assert.equal(await textAt(port), wanted.id);
        assert.equal(await runtime.holdsPort(wanted.id, port), true);
        assert.equal(await readFile(wanted.logFile, 'utf8'), 'hello\n');
        await runtime.stop(wanted.id, { graceMs: 5_000 });
        assert.equal(await isListening(port), false);
        assert.deepEqual(await runtime.list(), []);
      }));

    it('says how an instance ended', () =>
      using(async ({ runtime, spec }, port) => {
        const record = await runtime.start(spec('process.exit(7)', { http: port }));
        assert.deepEqual(await runtime.ended(record.id, NEVER), { code: 7, signal: null });
      }));

    it('appends to the log of an earlier instance', () =>
      using(async ({ runtime, spec }, port) => {
        const first = spec(`console.log('one')`, { http: port });
        const second = { ...spec(`console.log('two')`, { http: port }), logFile: first.logFile };
        for (const one of [first, second]) await runtime.ended((await runtime.start(one)).id, NEVER);
        assert.equal(await readFile(first.logFile, 'utf8'), 'one\ntwo\n');
      }));

    it('ends what ignores SIGTERM when its grace is over', () =>
      using(async ({ runtime, spec }, port) => {
        const record = await runtime.start(spec(`${DEAF} ${ANSWER}`, { http: port }));
        await textAt(port);
        await runtime.stop(record.id, { graceMs: 200 });
        assert.equal(await isListening(port), false);
      }));

    it('does not wait for the grace when it is hastened', () =>
      using(async ({ runtime, spec }, port) => {
        const record = await runtime.start(spec(`${DEAF} ${ANSWER}`, { http: port }));
        await textAt(port);
        const hasten = new AbortController();
        const stopping = runtime.stop(record.id, { graceMs: 3_600_000, hasten: hasten.signal });
        hasten.abort();
        await stopping;
        assert.equal(await isListening(port), false);
      }));

    it('ends what an instance has started, also when the instance died first', () =>
      using(async ({ runtime, spec }, port) => {
        const record = await runtime.start(spec(`${GRANDCHILD} setTimeout(() => {}, 1e9)`, { http: port }));
        await textAt(port);
        await runtime.stop(record.id, { graceMs: 5_000 });
        assert.equal(await isListening(port), false);
        const orphaning = await runtime.start(
          spec(`${GRANDCHILD} setTimeout(() => process.exit(1), 500)`, { http: port }),
        );
        await runtime.ended(orphaning.id, NEVER);
        assert.equal(await isListening(port), false);
      }));

    it('ends also what an instance that died has started with an environment of its own', () =>
      using(async ({ runtime, spec }, port) => {
        const record = await runtime.start(spec(`${NAMELESS} setTimeout(() => process.exit(1), 500)`, { http: port }));
        await runtime.ended(record.id, NEVER);
        assert.equal(await isListening(port), false);
      }));

    it('gives what an instance has started its grace too, when the instance itself goes at once', () =>
      using(async ({ runtime, spec }, port) => {
        const wanted = spec(
          `${SLOW_GRANDCHILD} process.on('SIGTERM', () => process.exit(0)); setTimeout(() => {}, 1e9)`,
          {
            http: port,
          },
        );
        const record = await runtime.start(wanted);
        await textAt(port);
        const end = runtime.ended(record.id, NEVER);
        await runtime.stop(record.id, { graceMs: 10_000 });
        assert.deepEqual(await end, { code: 0, signal: null });
        assert.match(await readFile(wanted.logFile, 'utf8'), /ended in peace/);
      }));

    it('ends what left the process group of its instance', { skip: process.platform !== 'linux' }, () =>
      using(async ({ runtime, spec }, port) => {
        const record = await runtime.start(spec(`${RUNAWAY} setTimeout(() => {}, 1e9)`, { http: port }));
        await textAt(port);
        await runtime.stop(record.id, { graceMs: 5_000 });
        assert.equal(await isListening(port), false);
      }),
    );

    it('finds running instances again after the death of its supervisor, watches and ends them', () =>
      using(async ({ runtime, again, spec }, port) => {
        const record = await runtime.start(spec(ANSWER, { http: port }));
        await textAt(port);
        const successor = again();
        assert.deepEqual(await successor.list(), [record]);
        assert.equal(await successor.holdsPort(record.id, port), true);
        const end = successor.ended(record.id, NEVER);
        await successor.stop(record.id, { graceMs: 5_000 });
        await end;
        assert.deepEqual(await successor.list(), []);
      }));

    it('does not count a port of somebody else as held', () =>
      using(async ({ runtime, spec }, port) => {
        const holder = await runtime.start(spec(ANSWER, { http: port }));
        await textAt(port);
        const other = await runtime.start(spec('setTimeout(() => {}, 1e9)', { http: port }));
        assert.equal(await runtime.holdsPort(other.id, port), false);
        await Promise.all([holder, other].map(({ id }) => runtime.stop(id, { graceMs: 5_000 })));
      }));

    it('refuses a command that does not exist with a sentence, and keeps nothing of it', () =>
      using(async ({ runtime, spec }, port) => {
        const wanted = { ...spec('', { http: port }), argv: ['no-such-command-anywhere'] };
        await assert.rejects(runtime.start(wanted), (error) => {
          assert.ok(error instanceof StartFault);
          assert.match(error.message, /no-such-command-anywhere/);
          return true;
        });
        assert.deepEqual(await runtime.list(), []);
      }));

    it('starts an instance with the listening socket of a running one, which it outlives', () =>
      using(async ({ runtime, again, spec }, port) => {
        const old = await runtime.start(spec(holder(), { http: port }));
        assert.equal(await textAt(port), old.id);
        const heir = await runtime.start({ ...spec(HEIR, { http: port }), inheritsFrom: old.id });
        assert.deepEqual(byId(await again().list()), byId([old, heir]));
        await untilWritten(heir.logFile);
        await runtime.stop(old.id, { graceMs: 0 });
        assert.equal(await textAt(port), heir.id);
        assert.deepEqual(await again().list(), [heir]);
        const end = runtime.ended(heir.id, NEVER);
        await runtime.stop(heir.id, { graceMs: 5_000 });
        await end;
        assert.equal(await isListening(port), false);
      }));

    it('refuses to take sockets from one that is not there, cannot give them, or does not react, and keeps nothing of it', () =>
      using(async ({ runtime, spec }, port) => {
        const heir = spec(HEIR, { http: port });
        await assert.rejects(runtime.start({ ...heir, inheritsFrom: 'nobody' }), isStartFault(/nobody does not run/));
        const { SUCCESSOR_FILE: _file, ...env } = spec('', {}).env;
        const plain = await runtime.start({ ...spec(ANSWER, { http: port }), env: { ...env, PORT: String(port) } });
        await textAt(port);
        await assert.rejects(runtime.start({ ...heir, inheritsFrom: plain.id }), isStartFault(/does not know how/));
        assert.deepEqual(await runtime.list(), [plain]);
        const deaf = await runtime.start(
          spec(`process.on('SIGUSR2', () => {}); console.log('up'); setInterval(() => {}, 1e9)`, {}),
        );
        await untilWritten(deaf.logFile);
        await assert.rejects(
          runtime.start({ ...heir, inheritsFrom: deaf.id }),
          isStartFault(/did not start its successor/),
        );
        assert.deepEqual(byId(await runtime.list()), byId([plain, deaf]));
      }));

    it('changes labels for whoever finds the instance later, and sends signals', () =>
      using(async ({ runtime, again, spec }, port) => {
        const told = spec(`process.on('SIGUSR2', () => process.exit(3)); ${ANSWER}`, { http: port });
        const record = await runtime.start(told);
        await textAt(port);
        const changed = await runtime.relabel(record.id, { ...record.labels, role: 'other' });
        assert.deepEqual(changed, { ...record, labels: { ...record.labels, role: 'other' } });
        assert.deepEqual(await again().list(), [changed]);
        assert.equal(await runtime.signal(record.id, 'SIGUSR2'), true);
        assert.deepEqual(await runtime.ended(record.id, NEVER), { code: 3, signal: null });
        assert.equal(await runtime.signal(record.id, 'SIGUSR2'), false);
        await assert.rejects(runtime.relabel(record.id, {}));
      }));

    it('stops what is not there without a fault', () =>
      using(async ({ runtime }) => {
        await runtime.stop('nobody', { graceMs: 1_000 });
        await runtime.ended('nobody', NEVER);
      }));
  });
}

const byId = (records: readonly InstanceRecord[]): InstanceRecord[] =>
  records.toSorted((one, other) => (one.id < other.id ? -1 : 1));

const isStartFault = (sentence: RegExp) => (error: unknown) => {
  assert.ok(error instanceof StartFault);
  assert.match(error.message, sentence);
  return true;
};

/** Until it has said that, or anything. */
export async function untilWritten(logFile: string, text = ''): Promise<void> {
  const deadlineMs = performance.now() + DEADLINE_MS;
  for (let said = ''; said === '' || !said.includes(text); said = await readFile(logFile, 'utf8')) {
    assert.ok(performance.now() < deadlineMs, `${JSON.stringify(said)} is all that is written to ${logFile}`);
    await pause(20);
  }
}

/** The answer of whoever listens, as soon as somebody does. */
async function textAt(port: number): Promise<string> {
  const deadlineMs = performance.now() + DEADLINE_MS;
  while (!(await isListening(port))) {
    assert.ok(performance.now() < deadlineMs, `nobody listens on ${port}`);
    await pause(20);
  }
  const answer = await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(DEADLINE_MS) });
  return answer.text();
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => resolve(socket.destroy() !== null));
    socket.once('error', () => resolve(false));
  });
}
