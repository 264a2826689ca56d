/** Rotation of files that somebody is writing to. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, open, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { recentLines } from './follow-logs.ts';
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
