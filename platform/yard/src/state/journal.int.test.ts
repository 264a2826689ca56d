/** What a journal still knows after its file was cut off, garbled or left half-written. */
import assert from 'node:assert/strict';
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { z } from 'zod';
import { Journal } from './journal.ts';
import { summedLine } from './summed-lines.ts';

const entry = z.object({ stage: z.string(), detail: z.string().optional() });
type Entry = z.infer<typeof entry>;
const ID = 'swap-00112233aabb';

async function using(
  work: (under: {
    folder: string;
    file: string;
    journal: Journal<Entry>;
    again: () => Journal<Entry>;
  }) => Promise<void>,
): Promise<void> {
  const top = await mkdtemp(join(tmpdir(), 'yard-journal-'));
  const folder = join(top, 'state', 'journal');
  const again = () => new Journal(folder, entry);
  try {
    await work({ folder, file: join(folder, `${ID}.jsonl`), journal: again(), again });
  } finally {
    await rm(top, { recursive: true });
  }
}

it('the last entry of each piece of work is read again, by the owner alone', () =>
  using(async ({ folder, file, journal, again }) => {
    assert.deepEqual(await journal.open(), { entries: new Map(), faults: [] });
    assert.equal(await journal.last(ID), null);
    await journal.append(ID, { stage: 'asked' });
    await journal.append('swap-other', { stage: 'built' });
    await journal.append(ID, { stage: 'locked', detail: 'Ünïcode\n"quoted" \u2028' });
    const { entries, faults } = await again().open();
    assert.deepEqual(faults, []);
    assert.deepEqual(
      entries,
      new Map<string, Entry>([
        [ID, { stage: 'locked', detail: 'Ünïcode\n"quoted" \u2028' }],
        ['swap-other', { stage: 'built' }],
      ]),
    );
    assert.deepEqual(await again().last(ID), entries.get(ID));
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.equal((await stat(folder)).mode & 0o777, 0o700);
  }));

it('a line is JSON with the sum of its entry', () =>
  using(async ({ file, journal }) => {
    await journal.append(ID, { stage: 'asked' });
    assert.equal(await readFile(file, 'utf8'), `{"sum":"3d8dd9dfc954c574","entry":{"stage":"asked"}}\n`);
  }));

it('a last line that was torn at any byte is dropped, and the next entry begins on a fresh line', () =>
  using(async ({ file, journal, again }) => {
    await journal.append(ID, { stage: 'asked' });
    const before = (await stat(file)).size;
    await journal.append(ID, { stage: 'locked', detail: 'ü' });
    const whole = await readFile(file);
    for (let size = before; size < whole.length; size += 1) {
      await writeFile(file, whole.subarray(0, size));
      assert.deepEqual((await again().open()).entries.get(ID), { stage: 'asked' }, `cut off at byte ${size}`);
      await again().append(ID, { stage: 'aborting' });
      assert.deepEqual(
        (await readFile(file, 'utf8')).split('\n'),
        [...whole.subarray(0, before).toString().split('\n').slice(0, 1), summedLine({ stage: 'aborting' }).trim(), ''],
        `cut off at byte ${size}`,
      );
    }
  }));

it('a last line of which any byte was altered is not read', () =>
  using(async ({ file, journal, again }) => {
    await journal.append(ID, { stage: 'asked' });
    const before = (await stat(file)).size;
    await journal.append(ID, { stage: 'locked' });
    const whole = await readFile(file);
    for (let at = before; at < whole.length; at += 1) {
      const altered = Buffer.from(whole);
      altered[at]! ^= 1;
      await writeFile(file, altered);
      assert.deepEqual(await again().last(ID), { stage: 'asked' }, `byte ${at}`);
    }
  }));

for (const [what, tail] of [
  ['zeros, as a file system leaves them after a power cut', Buffer.alloc(4_096)],
  ['bytes of another file', Buffer.from([0xff, 0xd8, 0x0a, 0x00, 0x0a, 0xfe, 0x0a])],
  ['another JSON', Buffer.from('{"stage":"retired"}\n{"sum":"0000000000000000","entry":{"stage":"retired"}}\n')],
  ['an empty line', Buffer.from('\n\n')],
] as const) {
  it(`a tail of ${what} is dropped`, () =>
    using(async ({ file, journal, again }) => {
      await journal.append(ID, { stage: 'asked' });
      const good = await readFile(file);
      await appendFile(file, tail);
      const opened = again();
      assert.deepEqual(await opened.open(), { entries: new Map([[ID, { stage: 'asked' }]]), faults: [] });
      await opened.append(ID, { stage: 'locked' });
      assert.equal(await readFile(file, 'utf8'), `${good.toString()}${summedLine({ stage: 'locked' })}`);
    }));
}

for (const [what, content] of [
  ['empty', ''],
  ['torn in its first line', summedLine({ stage: 'asked' }).slice(0, -1)],
  ['binary', Buffer.alloc(100, 0xee)],
] as const) {
  it(`a file that is ${what} is told by its name and kept aside`, () =>
    using(async ({ folder, file, journal, again }) => {
      await journal.append('swap-good', { stage: 'asked' });
      for (const aside of [`${file}.damaged`, `${file}.damaged-2`]) {
        await writeFile(file, content);
        const { entries, faults } = await again().open();
        assert.deepEqual([...entries.keys()], ['swap-good']);
        assert.deepEqual(faults, [`${file} has no line that is whole; it is kept as ${aside}`]);
        assert.deepEqual(await readFile(aside), Buffer.from(content));
      }
      assert.deepEqual((await again().open()).faults, []);
      assert.equal((await readdir(folder)).length, 3);
      await journal.append(ID, { stage: 'asked' });
      assert.deepEqual(await journal.last(ID), { stage: 'asked' });
    }));
}

it('a whole line of another version of the yard is a fault, and not passed over for the line before it', () =>
  using(async ({ file, journal, again }) => {
    await journal.append(ID, { stage: 'asked' });
    await appendFile(file, summedLine({ phase: 'committed' }));
    const { entries, faults } = await again().open();
    assert.deepEqual([...entries], []);
    assert.equal(faults.length, 1);
    assert.match(faults[0]!, /swap-00112233aabb\.jsonl was written by another version of the yard, .*\.damaged$/);
  }));

it('a file that cannot be read is a fault, and the others are read', () =>
  using(async ({ folder, journal, again }) => {
    await journal.append(ID, { stage: 'asked' });
    await mkdir(join(folder, 'swap-folder.jsonl'));
    const { entries, faults } = await again().open();
    assert.deepEqual([...entries.keys()], [ID]);
    assert.match(faults.join(), /swap-folder\.jsonl cannot be read \(EISDIR\)/);
  }));

it('entries that are appended at once are all written, whole and in their order', () =>
  using(async ({ file, journal, again }) => {
    const stages = Array.from({ length: 30 }, (_, index) => `stage ${index}`);
    await Promise.all(stages.map((stage) => journal.append(ID, { stage })));
    assert.equal(await readFile(file, 'utf8'), stages.map((stage) => summedLine({ stage })).join(''));
    assert.deepEqual(await again().last(ID), { stage: 'stage 29' });
  }));

it('a journal that grows too long keeps its newest entry', () =>
  using(async ({ file, journal, again }) => {
    const detail = 'x'.repeat(300_000);
    for (const stage of ['one', 'two', 'three', 'four']) await journal.append(ID, { stage, detail });
    assert.equal(await readFile(file, 'utf8'), summedLine({ stage: 'four', detail }));
    await journal.append(ID, { stage: 'five' });
    assert.deepEqual(await again().last(ID), { stage: 'five' });
  }));

it('an entry that cannot be written throws, the one before stays the last, and the next is written', () =>
  using(async ({ folder, journal }) => {
    await journal.append(ID, { stage: 'asked' });
    await assert.rejects(journal.append(ID, { stage: 7 } as unknown as Entry));
    await assert.rejects(journal.append('../escape', { stage: 'asked' }), /no name for a journal/);
    assert.deepEqual(await journal.last(ID), { stage: 'asked' });
    await rm(folder, { recursive: true });
    await writeFile(folder, 'a file in its place');
    await assert.rejects(journal.append(ID, { stage: 'locked' }));
    await rm(folder);
    await journal.append(ID, { stage: 'built' });
    assert.deepEqual(await journal.last(ID), { stage: 'built' });
  }));

it('what was removed is gone, also twice, and may be begun anew', () =>
  using(async ({ folder, file, journal, again }) => {
    await journal.append(ID, { stage: 'retired' });
    await journal.remove(ID);
    await journal.remove(ID);
    assert.deepEqual(await readdir(folder), []);
    assert.equal(await journal.last(ID), null);
    await journal.append(ID, { stage: 'asked' });
    await truncate(file, 0);
    await journal.append(ID, { stage: 'locked' });
    assert.deepEqual(await again().last(ID), { stage: 'locked' });
  }));
