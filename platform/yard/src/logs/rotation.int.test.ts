/** Rotation of files that somebody is writing to. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, open, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { followLogs, recentLines } from './follow-logs.ts';
import { rotateLogs } from './rotation.ts';

it('a file over the limit is set aside and emptied under its writer, and only so many old parts are kept', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'yard-logs-'));
  try {
    await mkdir(join(folder, 'web'));
    const file = join(folder, 'web', 'web-1.1.log');
    const writer = await open(file, 'a');
    for (let round = 1; round <= 5; round += 1) {
      await writer.write(`round ${round} ${'x'.repeat(100)}\n`);
      await rotateLogs(folder, { sizeMaxBytes: 50, kept: 3 });
    }
    await writer.write('short\n');
    await rotateLogs(folder, { sizeMaxBytes: 50, kept: 3 });
    await writer.close();
    assert.deepEqual((await readdir(join(folder, 'web'))).sort(), [
      'web-1.1.log',
      'web-1.1.log.1',
      'web-1.1.log.2',
      'web-1.1.log.3',
    ]);
    assert.equal(await readFile(file, 'utf8'), 'short\n');
    assert.match(await readFile(`${file}.1`, 'utf8'), /^round 5 x+\n$/);
    assert.match(await readFile(`${file}.3`, 'utf8'), /^round 3 x+\n$/);
    assert.deepEqual(
      (await recentLines(folder, null, 10)).map(({ text }) => text),
      ['short'],
    );
  } finally {
    await rm(folder, { recursive: true });
  }
});

it('who follows a log across a rotation misses no line', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'yard-logs-'));
  const end = new AbortController();
  try {
    await mkdir(join(folder, 'web'));
    const writer = await open(join(folder, 'web', 'web-1.1.log'), 'a');
    const seen: string[] = [];
    const until = async (line: string) => {
      while (!seen.includes(line)) await pause(10, undefined, { signal: AbortSignal.timeout(10_000) });
    };
    await writer.write('before\n');
    const following = followLogs(folder, 'web', (lines) => seen.push(...lines.map(({ text }) => text)), end.signal);
    // What is there at the beginning is not followed: the first line seen says that it has begun.
    while (!seen.includes('begun')) await Promise.all([writer.write('begun\n'), pause(20)]);
    seen.length = 0;
    await writer.write('last of the old part\n');
    await rotateLogs(folder, { sizeMaxBytes: 10, kept: 3 });
    await writer.write('first of the new\n');
    await until('first of the new');
    assert.deepEqual(
      seen.filter((line) => line !== 'begun'),
      ['last of the old part', 'first of the new'],
    );
    end.abort();
    await following;
    await writer.close();
  } finally {
    end.abort();
    await rm(folder, { recursive: true });
  }
});
