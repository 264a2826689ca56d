/** The saved state on a real disk: whatever happens to a file, the last good state is read or the start is refused. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { createLogger } from '@switchyard/kit/log';
import { emptyState, withLive } from './live-state.ts';
import type { LiveState } from './live-state.ts';
import { StateFile, StateUnreadable } from './state-file.ts';

const log = createLogger({ service: 'test', level: 'silent' });
const state = (sequence: number): LiveState => ({
  ...withLive(emptyState, { users: { live: `users-${sequence}`, standby: null, split: null } }),
  sequence,
});

async function folderOf(t: TestContext): Promise<{ folder: string; file: StateFile; first: string; second: string }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'registry-state-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const inside = path.join(folder, 'state');
  return {
    folder: inside,
    file: new StateFile(inside, log),
    first: path.join(inside, 'live.json'),
    second: path.join(inside, 'live.copy.json'),
  };
}

test('what was saved is read again, by another process as well', async (t) => {
  const { folder, file } = await folderOf(t);
  assert.deepEqual(await file.load(), emptyState);
  await file.save(state(1));
  await file.save(state(2));
  assert.deepEqual(await new StateFile(folder, log).load(), state(2));
  assert.deepEqual((await readdir(folder)).sort(), ['live.copy.json', 'live.json']);
});

test('a state that the version without locks has saved is read as it was, with no lock', async (t) => {
  const { folder, file, first, second } = await folderOf(t);
  await file.load();
  const { fence: _fence, locks: _locks, ...old } = state(7);
  const sha256 = createHash('sha256').update(JSON.stringify(old)).digest('hex');
  for (const copy of [first, second])
    await writeFile(copy, JSON.stringify({ format: 'switchyard-registry-1', sha256, state: old }));
  assert.deepEqual(await new StateFile(folder, log).load(), state(7));
});

test('what a newer version added to the state is still there when an older one has saved it', async (t) => {
  const { folder, file } = await folderOf(t);
  await file.load();
  const newer: LiveState = Object.assign(state(1), { added: { by: 'a newer version' } });
  await file.save(newer);
  const loaded = await new StateFile(folder, log).load();
  await file.save({ ...loaded, sequence: 2 });
  assert.deepEqual(await new StateFile(folder, log).load(), { ...newer, sequence: 2 });
});

const DAMAGES: Readonly<Record<string, (file: string) => Promise<void>>> = {
  'is empty': (file) => truncate(file, 0),
  'is cut in the middle': async (file) => truncate(file, Math.floor((await readFile(file)).length / 2)),
  'is cut by its last byte but one': async (file) => truncate(file, (await readFile(file)).length - 2),
  'is garbage': (file) => writeFile(file, '\0\0\0 not a state'),
  'is JSON of something else': (file) => writeFile(file, '{"services":{}}'),
  'has one digit changed': async (file) =>
    writeFile(file, (await readFile(file, 'utf8')).replace('"live":"users-2"', '"live":"users-3"')),
  'is gone': (file) => rm(file),
  'is a folder': async (file) => {
    await rm(file);
    await mkdir(file);
  },
};
for (const [damage, apply] of Object.entries(DAMAGES)) {
  for (const which of ['first', 'second'] as const) {
    test(`when the ${which} copy ${damage}, nothing is lost`, async (t) => {
      const files = await folderOf(t);
      await files.file.load();
      await files.file.save(state(1));
      await files.file.save(state(2));
      await apply(files[which]);
      assert.deepEqual(await new StateFile(files.folder, log).load(), state(2));
    });
  }
}

test('when both copies are damaged the start is refused, and says what to do', async (t) => {
  const { folder, file, first, second } = await folderOf(t);
  await file.load();
  await file.save(state(1));
  await truncate(first, 10);
  await truncate(second, 0);
  await assert.rejects(new StateFile(folder, log).load(), (error) => {
    assert.ok(error instanceof StateUnreadable);
    assert.match(error.message, /live\.json.*live\.copy\.json.*good copy back/s);
    return true;
  });
});

test('when one copy is damaged and the other was never written the start is refused', async (t) => {
  const { folder, file, first, second } = await folderOf(t);
  await file.load();
  await file.save(state(1));
  await rm(second);
  await truncate(first, 10);
  await assert.rejects(new StateFile(folder, log).load(), StateUnreadable);
});

test('a save that the disk does not take rejects and leaves the last good state', async (t) => {
  const { folder, file, first } = await folderOf(t);
  await file.load();
  await file.save(state(1));
  await mkdir(`${first}.new`);
  await assert.rejects(file.save(state(2)));
  assert.deepEqual(await new StateFile(folder, log).load(), state(1));
  await rm(`${first}.new`, { recursive: true });
  await file.save(state(3));
  assert.deepEqual(await new StateFile(folder, log).load(), state(3));
});

test('a save whose second copy fails is saved', async (t) => {
  const { folder, file, second } = await folderOf(t);
  await file.load();
  await file.save(state(1));
  await mkdir(`${second}.new`);
  await file.save(state(2));
  assert.deepEqual(await new StateFile(folder, log).load(), state(2));
});

test('a temporary file that a crash left behind is of no importance', async (t) => {
  const { folder, file, first } = await folderOf(t);
  await file.load();
  await file.save(state(1));
  await writeFile(`${first}.new`, '{"half":');
  assert.deepEqual(await new StateFile(folder, log).load(), state(1));
  await file.save(state(2));
  assert.deepEqual(await new StateFile(folder, log).load(), state(2));
});
