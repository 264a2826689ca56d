/**
 * `npm test`: installs what the tests need, builds, and runs lint, format and every test. Plain JavaScript that needs
 * nothing installed. The last line is the sum: `N passed, N failed` or `N passed, N failed, N skipped`.
 * `npm test -- PATTERN…` runs the steps and files whose name contains one of the patterns.
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installPackages, NotInstalled, npmCommand } from './packages.js';
import { NoPinnedNode, pinnedNode } from './pinned-node.js';
import { provideSystemPackages } from './system-packages.js';
import { killRunning, runTestFile } from './test-file.js';

const root = resolve(fileURLToPath(new URL('..', import.meta.url)));
const patterns = process.argv.slice(2);
const isCi = /^(?:1|true)$/i.test(process.env.CI ?? '');
const isTerminal = Boolean(process.stdout.isTTY);
const paint = (code) => (text) =>
  isTerminal && (process.env.NO_COLOR ?? '') === '' ? `\u001b[${code}m${text}\u001b[0m` : text;
const [red, green, yellow, dim] = [31, 32, 33, 2].map(paint);

/** @type {{ passed: number, failures: { where: string, name: string, error: string }[], skips: { where: string, name: string, reason: string }[] }} */
const sum = { passed: 0, failures: [], skips: [] };
const say = (text) => process.stdout.write(`${text}\n`);
const isWanted = (name) => patterns.length === 0 || patterns.some((pattern) => name.includes(pattern));

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    killRunning();
    sum.failures.push({ where: 'npm test', name: signal, error: 'interrupted' });
    finish();
  });
}

async function main() {
  await installPackages(root, say);
  const node = pinnedNode();
  const phases = phasesOf(testFiles());
  const steps = [
    ['lint', [node, 'node_modules/oxlint/bin/oxlint', '--type-aware', '--deny-warnings']],
    ['format', [node, 'node_modules/oxfmt/bin/oxfmt', '--check']],
  ].filter(([name]) => isWanted(name));
  if (steps.length === 0 && phases.every(({ files }) => files.length === 0)) {
    fail('npm test', patterns.join(' '), 'no step and no test file has this in its name');
    return;
  }
  if (!(await step('build', [...npmCommand(), 'run', '--silent', 'build']))) return;
  for (const [name, argv] of steps) await step(name, argv);
  const { variables, lacking } = provideSystemPackages(say);
  for (const what of lacking) say(yellow(what));
  for (const phase of phases) await runPhase(node, phase, { ...process.env, ...variables });
}

/** Sources decide, so that what was compiled from a file that is gone is not run. */
function testFiles() {
  const found = testsIn('bin', '.test.js').map((name) => ({ project: 'bin', file: join('bin', name) }));
  for (const project of projects()) {
    for (const name of testsIn(join(project, 'src'), '.test.ts')) {
      found.push({ project, file: join(project, 'dist', name.replace(/\.ts$/, '.js')) });
    }
  }
  return found.sort((a, b) => (a.file < b.file ? -1 : 1));
}

function projects() {
  const { workspaces } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return workspaces.flatMap((/** @type {string} */ pattern) => {
    if (!pattern.endsWith('/*')) return [pattern];
    const group = pattern.slice(0, -2);
    const entries = readdirSync(join(root, group), { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => `${group}/${entry.name}`);
  });
}

function testsIn(folder, ending) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith(ending));
}

/** End-to-end tests use the real ports, so they run one after another and nothing beside them. */
function phasesOf(files) {
  const wanted = files.filter(({ file }) => isWanted(file));
  const isInt = ({ file }) => file.endsWith('.int.test.js');
  const isE2e = ({ project, file }) => project === 'e2e' && !file.endsWith('tidy.test.js');
  const isSmallYard = ({ file }) => file.includes(join('e2e', 'dist', 'swaps'));
  const cores = Math.max(2, availableParallelism());
  return [
    {
      name: 'unit tests',
      atOnce: cores,
      limits: { testMs: 60_000, fileMs: 180_000 },
      files: wanted.filter((file) => !isInt(file) && !isE2e(file)),
    },
    {
      // Much of it is waiting for servers.
      name: 'tests with real servers',
      atOnce: cores + 1,
      limits: { testMs: 120_000, fileMs: 300_000 },
      files: wanted.filter((file) => isInt(file) && !isE2e(file)),
    },
    {
      // Registry, gateway and small services alone, mostly waiting: two fit on two cores.
      name: 'end-to-end tests of small yards',
      atOnce: 2,
      limits: { testMs: 600_000, fileMs: 1_200_000 },
      files: wanted.filter((file) => isE2e(file) && isSmallYard(file)),
    },
    {
      name: 'end-to-end tests',
      atOnce: 1,
      limits: { testMs: 600_000, fileMs: 1_200_000 },
      files: wanted.filter((file) => isE2e(file) && !isSmallYard(file)),
    },
  ];
}

async function runPhase(node, { name, files, atOnce, limits }, env) {
  if (files.length === 0) return;
  say(`\n${name}: ${files.length} ${files.length === 1 ? 'file' : 'files'}`);
  const waiting = [...files];
  let done = 0;
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const result = await runTestFile(node, next.file, { cwd: root, env, limits });
      done += 1;
      record(next.file, result, `${done}/${files.length}`);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, files.length) }, worker));
}

function record(file, { passed, failures, skips, output, durationMs }, progress) {
  sum.passed += passed;
  const mark = failures.length > 0 ? red('✖') : green('✔');
  const parts = [`${passed} passed`];
  if (failures.length > 0) parts.push(red(`${failures.length} failed`));
  if (skips.length > 0) parts.push(yellow(`${skips.length} skipped`));
  say(`${mark} ${dim(progress)} ${file}  ${parts.join(', ')} ${dim(`(${(durationMs / 1000).toFixed(1)} s)`)}`);
  for (const { name, error } of failures) fail(file, name, error);
  if (failures.length > 0 && output.trim() !== '') say(dim(indent(`its output:\n${output.trim()}`)));
  for (const { name, reason } of skips) {
    sum.skips.push({ where: file, name, reason });
    say(`    ${yellow('skipped')} ${name}: ${reason}`);
  }
}

/** A step that is not a test file counts as one test. */
async function step(name, [command, ...argv]) {
  say(dim(`${name} …`));
  const startedAt = performance.now();
  const code = await new Promise((done) => {
    const child = spawn(command, argv, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
    child.once('error', (error) => {
      say(error.message);
      done(1);
    });
    child.once('exit', (exitCode) => done(exitCode ?? 1));
  });
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  if (code === 0) {
    sum.passed += 1;
    say(`${green('✔')} ${name} ${dim(`(${seconds} s)`)}`);
  } else fail(name, name, `exit code ${code}; its output is above`);
  return code === 0;
}

function fail(where, name, error) {
  sum.failures.push({ where, name, error });
  say(`${red('✖')} ${where}: ${name}\n${indent(error)}`);
}

const indent = (text) => String(text).replaceAll(/^/gm, '    ');

function finish() {
  const { passed, failures, skips } = sum;
  // where everything is meant to be there, what cannot run is a failure
  const failed = failures.length + (isCi ? skips.length : 0);
  if (failed > 0) say(`\n${red('failed:')}`);
  for (const { where, name } of failures) say(`  ${where}: ${name}`);
  if (skips.length > 0) say(isCi ? '  and, because CI=true, what was skipped:' : `\n${yellow('skipped:')}`);
  for (const { where, name, reason } of skips) say(`  ${where}: ${name}: ${reason}`);
  say('');
  process.stdout.write(
    `${passed} passed, ${failed} failed${skips.length > 0 && !isCi ? `, ${skips.length} skipped` : ''}\n`,
    () => process.exit(failed > 0 ? 1 : 0),
  );
}

try {
  await main();
} catch (error) {
  const isExpected = error instanceof NotInstalled || error instanceof NoPinnedNode;
  fail('npm test', 'preparing', isExpected ? error.message : error.stack);
}
finish();
