/** Runs one compiled test file in a process of its own and judges how it went, broken-off and empty files included. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const REPORTER = fileURLToPath(new URL('test-reporter.js', import.meta.url));
/** Of what a failing file printed, this much of the end is shown. */
const OUTPUT_MAX = 12_000;

/** Process groups of running files, so that Ctrl-C ends them and what they started. */
const running = new Set();
export function killRunning() {
  for (const pid of running) killGroup(pid);
}

/**
 * `limits`: `fileMs` for the whole file, `testMs` for each test.
 *
 * @returns { passed, failures: { name, error }[], skips: { name, reason }[], output, durationMs }
 */
export async function runTestFile(node, file, { cwd, env, limits }) {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-test-'));
  const results = join(folder, 'results');
  const startedAt = performance.now();
  const argv = [
    '--enable-source-maps',
    `--test-timeout=${limits.testMs}`,
    `--test-reporter=${REPORTER}`,
    `--test-reporter-destination=${results}`,
    file,
  ];
  let output = '';
  const child = spawn(node, argv, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child.pid);
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text) => {
      output = (output + text).slice(-OUTPUT_MAX);
    });
  }
  let isOverdue = false;
  const overdue = setTimeout(() => {
    isOverdue = true;
    killGroup(child.pid);
  }, limits.fileMs);
  const end = await new Promise((resolve) => {
    child.once('error', (error) => resolve({ error }));
    // not 'close': a process left behind by the test may hold its output open for ever
    child.once('exit', (code, signal) => setTimeout(() => resolve({ code, signal }), 20));
  });
  clearTimeout(overdue);
  const leftBehind = await outlives(child.pid);
  killGroup(child.pid);
  running.delete(child.pid);
  child.stdout.destroy();
  child.stderr.destroy();
  const lines = linesOf(results);
  rmSync(folder, { recursive: true, force: true });
  return {
    ...judge(lines, end, isOverdue ? limits.fileMs : null, leftBehind),
    output,
    durationMs: performance.now() - startedAt,
  };
}

/** Exported for its test. A file is only good when it ran a test, came to its end, and exited with 0. */
export function judge(lines, end, overdueMs, leftBehind) {
  const passed = lines.filter(({ kind }) => kind === 'pass').length;
  const failures = lines.filter(({ kind }) => kind === 'fail').map(({ name, error }) => ({ name, error }));
  const skips = lines.filter(({ kind }) => kind === 'skip').map(({ name, reason }) => ({ name, reason }));
  const whole = (error) => failures.push({ name: '(the file)', error });
  const ending = lines.find(({ kind }) => kind === 'end');
  const notes = lines.filter(({ kind }) => kind === 'note').map(({ text }) => `\n${text}`);
  const exit = `exit code ${end.code}, signal ${end.signal}`;
  const seen = passed + failures.length + skips.length;
  if (end.error !== undefined) whole(`could not be run: ${end.error.message}`);
  else if (overdueMs !== null) whole(`did not end within ${overdueMs / 1000} s and was killed`);
  else if (ending === undefined && seen === 0 && end.code === 0) whole('has no test in it, or ended before one did');
  else if (ending === undefined) whole(`ended before its tests did (${exit})`);
  else if (seen === 0) whole('has no test in it');
  else if (failures.length > 0) return { passed, failures, skips };
  else if (end.code !== 0) whole(`its tests passed, yet it failed (${exit})${notes.join('')}`);
  else if (ending.counts.failed + ending.counts.cancelled > 0) whole('node counts a failed test that was not reported');
  else if (leftBehind) whole('left a process running');
  return { passed, failures, skips };
}

function linesOf(path) {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line.endsWith('}'))
      .map((line) => JSON.parse(line));
  } catch {
    return [];
  }
}

/** Whether the group still has a process one second after its leader ended; the dead that nobody has waited for do not count. */
async function outlives(group) {
  for (let attempt = 0; attempt < 20; attempt += 1) {
    if (!hasProcess(group)) return false;
    await sleep(50);
  }
  return hasProcess(group);
}

function hasProcess(group) {
  try {
    process.kill(-group, 0);
  } catch {
    return false;
  }
  if (process.platform !== 'linux') return true;
  return readdirSync('/proc').some((entry) => {
    if (!/^[0-9]+$/.test(entry)) return false;
    try {
      // pid (name, which may hold anything) state ppid pgrp …
      const [state, , pgrp] = readFileSync(`/proc/${entry}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ');
      return Number(pgrp) === group && state !== 'Z';
    } catch {
      return false;
    }
  });
}

function killGroup(pid) {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // nobody is left
  }
}
