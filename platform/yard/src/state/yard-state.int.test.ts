/** What a yard still knows after its state file was torn. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { yardFolder } from '../yard-folder.ts';
import { yardId, YardState } from './yard-state.ts';

async function using(work: (file: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'yard-state-'));
  try {
    await work(join(folder, 'state.json'));
  } finally {
    await rm(folder, { recursive: true });
  }
}

it('what was changed is read again, by the owner alone', () =>
  using(async (file) => {
    const state = await YardState.open(file);
    assert.equal(await state.nextNumber('users'), 1);
    assert.equal(await state.nextNumber('users', 7), 8);
    await state.setLive('users', 'users-8', { standby: null, side: 'green' });
    const again = await YardState.open(file);
    assert.deepEqual(again.of('users'), {
      counter: 8,
      live: 'users-8',
      standby: null,
      side: 'green',
      history: ['users-8'],
    });
    assert.equal(again.fault, null);
    assert.equal((await stat(file)).mode & 0o777, 0o600);
  }));

for (const [what, damage] of [
  ['cut off', (file: string) => truncate(file, 30)],
  ['emptied', (file: string) => truncate(file, 0)],
  ['altered', async (file: string) => writeFile(file, (await readFile(file, 'utf8')).replace('users-2', 'users-9'))],
] as const) {
  it(`a state file that was ${what} is told, and the state before it is used`, () =>
    using(async (file) => {
      const state = await YardState.open(file);
      await state.setLive('users', 'users-1', { standby: null, side: 'blue' });
      await state.setLive('users', 'users-2', { standby: null, side: 'green' });
      await damage(file);
      const again = await YardState.open(file);
      assert.equal(again.of('users').live, 'users-1');
      assert.match(again.fault ?? '', /damaged/);
    }));
}

it('changes made at once are all written', () =>
  using(async (file) => {
    const state = await YardState.open(file);
    await Promise.all(Array.from({ length: 20 }, (_, index) => state.nextNumber(`service-${index % 4}`)));
    const again = await YardState.open(file);
    assert.deepEqual(
      Object.values(again.services).map((service) => service.counter),
      [5, 5, 5, 5],
    );
  }));

it('a state file that is gone is told, and the state before it is used', () =>
  using(async (file) => {
    const state = await YardState.open(file);
    await state.setLive('users', 'users-1', { standby: null, side: 'blue' });
    await state.setLive('users', 'users-2', { standby: null, side: 'green' });
    await rm(file);
    const again = await YardState.open(file);
    assert.equal(again.of('users').live, 'users-1');
    assert.match(again.fault ?? '', /gone/);
  }));

it('an id that was damaged or lost is the one that the data are under, so that no yard comes up empty', () =>
  using(async (file) => {
    const folder = yardFolder(file);
    const id = await yardId(folder);
    assert.equal(await yardId(folder), id);
    await mkdir(folder.data);
    await symlink(`/somewhere/yards/${id}/postgres`, `${folder.data}/postgres`);
    await writeFile(folder.idFile, '\u0000');
    assert.equal(await yardId(folder), id);
    await rm(folder.idFile);
    assert.equal(await yardId(folder), id);
    assert.equal(await readFile(folder.idFile, 'utf8'), `${id}\n`);
  }));
