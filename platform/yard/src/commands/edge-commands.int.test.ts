/** init, check, doctor, backup, restore and reset as they are typed, in folders of their own. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { freePort } from '../runtime/ports.ts';
import { SupervisorLock } from '../supervisor/supervisor-lock.ts';

const MAIN = join(import.meta.dirname, '../main.js');
let root: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'yard-edge-'));
});
after(() => rm(root, { recursive: true, force: true }));

async function folder(name: string, yard?: string): Promise<string> {
  const path = join(root, name);
  await mkdir(path);
  if (yard !== undefined) await writeFile(join(path, 'switchyard.yaml'), yard);
  return path;
}

function yard(cwd: string, ...words: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, YARD_POSTGRES_URL: '', NO_COLOR: '1' };
    const child = spawn(process.execPath, [MAIN, ...words], {
      cwd,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 60_000,
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

async function plainYard(): Promise<string> {
  const ports = new Set<number>();
  while (ports.size < 5) ports.add(await freePort(ports));
  const [registry, gateway, admin, blue, green] = [...ports];
  return `registry: { port: ${registry} }\ngateway: { port: ${gateway}, adminPort: ${admin} }\nservices:\n  a: { run: node a.js, ports: [${blue}, ${green}] }\n`;
}

test('init writes a file that check finds no fault in, and never overwrites', async () => {
  const cwd = await folder('init');
  await writeFile(join(cwd, 'main.py'), '');
  assert.equal((await yard(cwd, 'init')).code, 0);
  const written = await readFile(join(cwd, 'switchyard.yaml'), 'utf8');
  assert.match(written, /run: python3 main\.py/);
  assert.equal((await yard(cwd, 'check')).code, 0);
  const again = await yard(cwd, 'init');
  assert.equal(again.code, 1);
  assert.match(again.stderr, /already/);
  assert.equal(await readFile(join(cwd, 'switchyard.yaml'), 'utf8'), written);
});

test('check tells every fault by line, to people and to programs, also from a folder below', async () => {
  const cwd = await folder('check', 'services:\n  a: { run: x, prots: [1, 2] }\n');
  await mkdir(join(cwd, 'below'));
  const told = await yard(join(cwd, 'below'), 'check');
  assert.equal(told.code, 1);
  assert.match(told.stdout, /^\.\.\/switchyard\.yaml:2:16: services\.a\.prots: unknown key.*did you mean ports\?/m);
  const asked = JSON.parse((await yard(cwd, 'check', '--json')).stdout) as { faults: { line: number; at: string }[] };
  assert.deepEqual(
    asked.faults.map(({ line, at }) => [line, at]),
    [
      [2, 'services.a.ports'],
      [2, 'services.a.prots'],
    ],
  );
});

test('check in a folder without a yard says what to do', async () => {
  const { code, stderr } = await yard(await folder('none'), 'check');
  assert.equal(code, 1);
  assert.match(stderr, /no switchyard\.yaml here or above[\s\S]*yard init/);
});

test('doctor names who holds a port', async () => {
  const cwd = await folder('ports', await plainYard());
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    const file = join(cwd, 'switchyard.yaml');
    await writeFile(file, (await readFile(file, 'utf8')).replace(/ports: \[\d+/, `ports: [${port}`));
    const { code, stdout } = await yard(cwd, 'doctor');
    assert.equal(code, 1);
    assert.match(stdout, new RegExp(`✖ port ${port} +wanted by a, blue, taken by pid ${process.pid} `));
  } finally {
    server.close();
  }
});

test('doctor finds keys that others may read, a missing program and a missing secret', async () => {
  const text = (await plainYard()).replace(
    'run: node a.js',
    'run: no-such-program, env: { A: "${env:NO_SUCH_VARIABLE_HERE}" }',
  );
  const cwd = await folder('open', text);
  await mkdir(join(cwd, '.yard/keys'), { recursive: true, mode: 0o700 });
  await writeFile(join(cwd, '.yard/keys/k'), '');
  await chmod(join(cwd, '.yard/keys/k'), 0o644);
  const { findings, healthy } = JSON.parse((await yard(cwd, 'doctor', '--json')).stdout) as {
    healthy: boolean;
    findings: { about: string; verdict: string; message: string }[];
  };
  const wrong = findings
    .filter(({ verdict }) => verdict === 'wrong')
    .map(({ about, message }) => `${about}: ${message}`);
  assert.equal(healthy, false);
  assert.equal(wrong.length, 3, wrong.join('\n'));
  assert.match(wrong[0]!, /^\.yard: others may read or write .*keys\/k$/);
  assert.match(wrong[1]!, /^a: the command "no-such-program" was not found/);
  assert.match(wrong[2]!, /^a: env A: .*NO_SUCH_VARIABLE_HERE/);
});

test('what a yard without databases keeps comes back from its backup, and reset forgets it', async () => {
  const cwd = await folder('kept', await plainYard());
  await mkdir(join(cwd, '.yard/keys'), { recursive: true, mode: 0o700 });
  await writeFile(join(cwd, '.yard/operator.token'), 'secret\n', { mode: 0o600 });
  await writeFile(join(cwd, '.yard/keys/gateway-1.private.jwk.json'), '{}', { mode: 0o600 });
  const saved = await yard(cwd, 'backup', 'saved.tgz');
  assert.equal(saved.code, 0, saved.stderr);
  assert.equal((await stat(join(cwd, 'saved.tgz'))).mode & 0o777, 0o600);
  const again = await yard(cwd, 'backup', 'saved.tgz');
  assert.equal(again.code, 1);
  assert.match(again.stderr, /is there already[\s\S]*--force/);
  assert.equal((await yard(cwd, 'backup', 'saved.tgz', '--force')).code, 0);

  const unasked = await yard(cwd, 'reset');
  assert.equal(unasked.code, 2);
  assert.match(unasked.stderr, /--yes/);
  assert.equal((await yard(cwd, 'reset', '--yes')).code, 0);
  await assert.rejects(stat(join(cwd, '.yard')), { code: 'ENOENT' });
  assert.equal((await yard(cwd, 'reset', '--yes')).code, 0);

  const restored = await yard(cwd, 'restore', 'saved.tgz');
  assert.equal(restored.code, 0, restored.stderr);
  assert.equal(await readFile(join(cwd, '.yard/operator.token'), 'utf8'), 'secret\n');
  assert.equal(await readFile(join(cwd, '.yard/keys/gateway-1.private.jwk.json'), 'utf8'), '{}');
});

test('nothing is restored into or reset below a running yard', async () => {
  const cwd = await folder('running', await plainYard());
  await mkdir(join(cwd, '.yard'), { mode: 0o700 });
  await writeFile(join(cwd, '.yard/operator.token'), 'secret\n', { mode: 0o600 });
  assert.equal((await yard(cwd, 'backup', 'saved.tgz')).code, 0);
  const lock = SupervisorLock.take(join(cwd, '.yard/supervisor.lock'));
  assert.ok(lock !== null);
  try {
    for (const words of [
      ['reset', '--yes'],
      ['restore', 'saved.tgz', '--force'],
    ]) {
      const { code, stderr } = await yard(cwd, ...words);
      assert.equal(code, 1);
      assert.match(stderr, /the yard is running[\s\S]*yard down/);
    }
    assert.equal(await readFile(join(cwd, '.yard/operator.token'), 'utf8'), 'secret\n');
    // data of a yard that runs are saved as well
    assert.equal((await yard(cwd, 'backup', 'second.tgz')).code, 0);
  } finally {
    lock.release();
  }
});

test('a file that is no backup is refused and nothing is touched', async () => {
  const cwd = await folder('stranger', await plainYard());
  await writeFile(join(cwd, 'notes.txt'), 'hello');
  const { code, stderr } = await yard(cwd, 'restore', 'notes.txt');
  assert.equal(code, 1);
  assert.match(stderr, /no backup of a yard/);
  const missing = await yard(cwd, 'restore', 'absent.tgz');
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /there is no file/);
});
