/** How long a yard takes to be ready, from a fresh clone and at later starts, and what it weighs at rest. `node bench/dist/yard-start.js` */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { eventually, REPOSITORY, run, YardUnderTest } from '@switchyard/e2e/yard-under-test';
import { machine, markdownTable, median } from './report.ts';
import { costByProcess } from './yard-figures.ts';

const ROUNDS = 5;
const START_MS = 300_000;

const cloneSeconds = await cloneToReady();
const yard = await YardUnderTest.create();
try {
  await yard.up();
  const later: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await yard.yard('down');
    await yard.interrupt();
    const startedAt = performance.now();
    await yard.up();
    later.push((performance.now() - startedAt) / 1000);
  }
  const costs = await costByProcess(yard);
  const withoutPostgres = [...costs]
    .filter(([name]) => name !== 'postgres')
    .reduce((sum, [, cost]) => sum + cost.memoryMiB, 0);
  console.log(`\n## Start and memory\n\n${machine()}\n`);
  console.log(
    markdownTable(
      ['', 'seconds'],
      [
        ['git clone, npm start, ready (packages in npm’s cache)', cloneSeconds],
        [`later start to ready, median of ${ROUNDS}`, median(later)],
        ['its fastest and slowest', `${Math.min(...later).toFixed(1)} to ${Math.max(...later).toFixed(1)}`],
      ],
    ),
  );
  console.log(
    `\n${markdownTable(['process', 'MiB at rest (PSS)'], [...[...costs].map(([name, cost]): [string, number] => [name, Math.round(cost.memoryMiB)]), ['all but PostgreSQL', Math.round(withoutPostgres)]])}`,
  );
} finally {
  await yard.remove();
}

/** The whole way of a newcomer, on the ports of the repository's own switchyard.yaml. */
async function cloneToReady(): Promise<number> {
  const folder = await mkdtemp(path.join(tmpdir(), 'bench-clone-'));
  const clone = path.join(folder, 'switchyard');
  const startedAt = performance.now();
  await run('git', ['clone', '--quiet', REPOSITORY, clone], folder);
  const child = spawn('npm', ['start'], { cwd: clone, stdio: 'ignore', detached: true });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  try {
    await eventually(
      'the clone is ready',
      async () => (await fetch('http://localhost:8000/-/ready')).status === 200,
      START_MS,
    );
    return (performance.now() - startedAt) / 1000;
  } finally {
    if (child.exitCode === null) process.kill(-child.pid!, 'SIGINT');
    await ended;
    await run(process.execPath, ['bin/yard.js', 'reset', '--yes'], clone);
    await rm(folder, { recursive: true, force: true });
  }
}
