/** Page 500 of a feed beside page 1: latency through the gateway, and buffers as PostgreSQL counts them. `node bench/dist/page-depth.js` */
import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { ApiClient } from '@switchyard/demo/api-client';
import { inParallel } from '@switchyard/demo/load';
import { YardUnderTest } from '@switchyard/e2e/yard-under-test';
import { Client } from 'pg';
import { machine, markdownTable, median } from './report.ts';

const PAGE = 20;
const DEPTH = 500;
const ROUNDS = 200;
/** Counters of finished statements reach the statistics views within this time. */
const STATISTICS_MS = 2_000;

const yard = await YardUnderTest.create();
try {
  await yard.up();
  const api = new ApiClient(yard.origin);
  await api.signUp({
    handle: 'deep_reader',
    name: 'Deep Reader',
    email: 'deep@example.org',
    password: 'a very deep password',
  });
  await api.signIn('deep_reader', 'a very deep password');
  await inParallel(
    Array.from({ length: PAGE * (DEPTH + 1) }, (_, index) => index),
    16,
    undefined,
    async (index) => {
      await api.call('POST', '/api/posts', { text: `post number ${index}` });
    },
  );
  const cursors: (string | null)[] = [null];
  while (cursors.length < DEPTH) cursors.push((await page(api, cursors.at(-1)!)).nextCursor);

  const database = new Client({ connectionString: await databaseUrlOf(yard, 'feeds') });
  await database.connect();
  await database.query('ANALYZE');
  const [first, deep] = [cursors[0]!, cursors[DEPTH - 1]!];
  for (let round = 0; round < 30; round++) for (const cursor of [first, deep]) await page(api, cursor);

  const tookMs: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    for (const [which, cursor] of [first, deep].entries()) {
      const startedAt = performance.now();
      await page(api, cursor);
      tookMs[which]!.push(performance.now() - startedAt);
    }
  }
  const buffers = [await buffersOf(database, () => page(api, first)), await buffersOf(database, () => page(api, deep))];
  await database.end();
  const medians = tookMs.map(median);
  console.log(
    `\n## Page ${DEPTH} of a feed beside page 1\n\n${machine()}; pages of ${PAGE}, ${ROUNDS} reads of each in turn\n`,
  );
  console.log(
    markdownTable(
      ['', 'page 1', `page ${DEPTH}`, 'ratio'],
      [
        ['median ms', medians[0]!, medians[1]!, medians[1]! / medians[0]!],
        ['buffers a page', buffers[0]!, buffers[1]!, buffers[1]! / buffers[0]!],
      ],
    ),
  );
} finally {
  await yard.remove();
}

function page(api: ApiClient, cursor: string | null): Promise<{ nextCursor: string | null }> {
  return api.call('GET', `/api/feed?limit=${PAGE}${cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`}`);
}

/** Buffers, read or found in memory, that tables and indexes of the database are touched for by one `work`; the median of five turns of 20. */
async function buffersOf(database: Client, work: () => Promise<unknown>): Promise<number> {
  const counted = async () => {
    await pause(STATISTICS_MS);
    const { rows } = await database.query<{ buffers: string }>(
      'SELECT sum(heap_blks_read + heap_blks_hit + coalesce(idx_blks_read, 0) + coalesce(idx_blks_hit, 0)) AS buffers FROM pg_statio_user_tables',
    );
    return Number(rows[0]!.buffers);
  };
  const turns: number[] = [];
  for (let turn = 0; turn < 5; turn++) {
    const before = await counted();
    for (let read = 0; read < 20; read++) await work();
    turns.push(((await counted()) - before) / 20);
  }
  return median(turns);
}

/** From the environment of the running process; Linux. */
async function databaseUrlOf(running: YardUnderTest, service: string): Promise<string> {
  const [pid] = (await running.pids()).get(service)!;
  const environment = await readFile(`/proc/${pid}/environ`, 'utf8');
  const url = environment.split('\0').find((entry) => entry.startsWith('DATABASE_URL='));
  if (url === undefined) throw new Error(`${service} has no DATABASE_URL`);
  return url.slice('DATABASE_URL='.length);
}
