/** The history of swaps as a file: what it keeps, and what it makes of damage. */
import assert from 'node:assert/strict';
import { appendFile, mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { summedLine } from '../state/summed-lines.ts';
import { SwapHistory } from './swap-history.ts';
import type { SwapReport } from './swap-report.ts';

const report = (number: number, more: Partial<SwapReport> = {}): SwapReport => ({
  version: 1,
  id: `swap-${String(number).padStart(12, '0')}`,
  kind: 'swap',
  services: { users: { from: `users-${number}`, to: `users-${number + 1}` } },
  startedAt: '2026-11-22T10:00:00.000Z',
  endedAt: '2026-11-22T10:00:09.000Z',
  outcome: 'done',
  reason: null,
  lines: [],
  timeline: [{ stage: 'asked', atMs: 0 }],
  epoch: number,
  commitToAcknowledgedMs: 4.5,
  revertMs: null,
  requests: {},
  cut: 0,
  ...more,
});

async function using(work: (file: string, history: SwapHistory) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'yard-history-'));
  const file = join(folder, 'state', 'history.jsonl');
  try {
    await work(file, new SwapHistory(file));
  } finally {
    await rm(folder, { recursive: true });
  }
}

it('without a file there is no past; then reports are read oldest first, by the owner alone', () =>
  using(async (file, history) => {
    assert.deepEqual(await history.read(), []);
    await Promise.all([1, 2, 3].map((number) => history.append(report(number))));
    assert.deepEqual(await new SwapHistory(file).read(), [report(1), report(2), report(3)]);
    assert.equal((await stat(file)).mode & 0o777, 0o600);
  }));

it('a last line that was torn at any byte is left out, and the next report follows on a fresh line', () =>
  using(async (file, history) => {
    await history.append(report(1));
    const before = (await stat(file)).size;
    await history.append(report(2));
    const whole = await readFile(file);
    for (let size = before; size < whole.length; size += 7) {
      await writeFile(file, whole.subarray(0, size));
      const again = new SwapHistory(file);
      assert.deepEqual(await again.readAll(), { reports: [report(1)], damaged: 0 }, `cut off at byte ${size}`);
      await again.append(report(3));
      assert.deepEqual(await again.readAll(), { reports: [report(1), report(3)], damaged: 0 }, `at byte ${size}`);
    }
  }));

it('damaged lines are skipped and counted, and stay where they are', () =>
  using(async (file, history) => {
    await history.append(report(1));
    await appendFile(file, Buffer.from([0xff, 0x00, 0x0a]));
    await appendFile(file, summedLine({ version: 2, id: 'swap-of-the-future' }));
    await appendFile(file, summedLine(report(2)).replace('"done"', '"aborted"'));
    await history.append(report(3));
    assert.deepEqual(await history.readAll(), { reports: [report(1), report(3)], damaged: 3 });
    assert.ok((await readFile(file, 'utf8')).includes('"aborted"'));
  }));

it('a swap that was reported before a crash and again after it is there once, as it was told last', () =>
  using(async (_file, history) => {
    await history.append(report(1, { reason: 'first' }));
    await history.append(report(2));
    await history.append(report(1, { reason: 'second' }));
    assert.deepEqual(await history.read(), [report(2), report(1, { reason: 'second' })]);
  }));

it('a file that grows too large keeps the newest reports, in at most half of the room', () =>
  using(async (file, history) => {
    const lines = ['x'.repeat(1_000)];
    const line = (number: number) => summedLine(report(number, { lines }));
    const count = Math.floor(4_194_304 / line(1).length);
    await history.append(report(0));
    await appendFile(file, Array.from({ length: count }, (_, index) => line(index + 1)).join(''));
    await history.append(report(count + 1));
    assert.ok((await stat(file)).size <= 2_200_000);
    const kept = await history.read();
    assert.equal(kept.at(-1)?.epoch, count + 1);
    assert.equal(kept[0]?.epoch, count + 2 - kept.length);
    assert.ok(kept.length > 1_000, `${kept.length} are kept`);
  }));

it('two thousand small reports are kept at most', () =>
  using(async (file, history) => {
    await history.append(report(0));
    const line = summedLine(report(1));
    const count = Math.ceil(4_194_304 / line.length);
    await appendFile(file, Array.from({ length: count }, (_, index) => summedLine(report(index + 1))).join(''));
    await history.append(report(count + 1));
    assert.equal((await history.read()).length, 2_000);
  }));

it('what cannot be written throws; a file that is gone or cut off is begun anew', () =>
  using(async (file, history) => {
    await history.append(report(1));
    await rm(file);
    await assert.rejects(new SwapHistory(join(file, '..')).append(report(2)));
    await history.append(report(3));
    await truncate(file, 5);
    assert.deepEqual(await history.readAll(), { reports: [], damaged: 0 });
  }));
