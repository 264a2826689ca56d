/** What bin/test.js makes of files that pass, fail, break off, hang or hold no test. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { runTestFile } from './test-file.js';

const folder = mkdtempSync(join(tmpdir(), 'switchyard-runner-'));
after(() => rmSync(folder, { recursive: true }));

const TEST = `import { describe, it, test } from 'node:test'; import { spawn } from 'node:child_process';`;
async function run(code, limits = { testMs: 5_000, fileMs: 20_000 }) {
  const file = join(folder, `${Math.random()}.test.mjs`);
  writeFileSync(file, `${TEST}\n${code}`);
  // NODE_TEST_CONTEXT would make the inner process report to the outer one
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const { passed, failures, skips } = await runTestFile(process.execPath, file, { cwd: folder, env, limits });
  return { passed, failures: failures.map(({ name, error }) => `${name}: ${error.split('\n')[0]}`), skips };
}

test('leaf tests are counted, their parents are not', async () => {
  assert.deepEqual(
    await run(
      `test('a', () => {}); describe('s', () => { it('b', () => {}); }); test('p', (t) => t.test('c', () => {}));`,
    ),
    { passed: 3, failures: [], skips: [] },
  );
});

test('a skipped and an unfinished test are named with their reason', async () => {
  assert.deepEqual(await run(`test('a', (t) => t.skip('no docker')); test.todo('b'); test('c', () => {})`), {
    passed: 1,
    failures: [],
    skips: [
      { name: 'a', reason: 'no docker' },
      { name: 'b', reason: 'no reason given' },
    ],
  });
});

test('a failing test is counted once, whether in a parent or as one', async () => {
  const { passed, failures } = await run(
    `test('p', async (t) => { await t.test('c', () => { throw new Error('inner'); }); }); test('q', async (t) => { await t.test('d', () => {}); throw new Error('own'); });`,
  );
  assert.deepEqual({ passed, failures }, { passed: 1, failures: ['c: Error: inner', 'q: Error: own'] });
});

const BROKEN = {
  'a file without a test fails': ['', '(the file): has no test in it, or ended before one did'],
  'a file that exits with 0 in a test fails': [
    `test('a', () => process.exit(0)); test('b', () => {})`,
    '(the file): has no test in it, or ended before one did',
  ],
  'a file that exits after a test has passed fails': [
    `test('a', () => {}); test('b', () => new Promise(() => setTimeout(() => process.exit(0), 300)))`,
    '(the file): ended before its tests did (exit code 0, signal null)',
  ],
  'a file that crashes fails': [`process.exit(3)`, '(the file): ended before its tests did (exit code 3, signal null)'],
  'a file that cannot be read as code fails': [
    `const = 1`,
    '(the file): ended before its tests did (exit code 1, signal null)',
  ],
  'a file that throws after its tests passed fails': [
    `test('a', () => {}); setTimeout(() => { throw new Error('late'); }, 50)`,
    '(the file): its tests passed, yet it failed (exit code 1, signal null)',
  ],
  'a file that leaves a process running fails': [
    `test('a', () => { spawn('sleep', ['60'], { stdio: 'inherit' }).unref(); })`,
    '(the file): left a process running',
  ],
};
for (const [name, [code, expected]] of Object.entries(BROKEN)) {
  test(name, async () => {
    assert.deepEqual((await run(code)).failures, [expected]);
  });
}

test('a file that hangs is killed and fails', async () => {
  const { failures } = await run(`test('a', () => {}); setInterval(() => {}, 1000)`, { testMs: 500, fileMs: 1_500 });
  assert.deepEqual(failures, ['(the file): did not end within 1.5 s and was killed']);
});
