/** What becomes of a swap that is not over when the next one is asked for, or when its yard goes down and comes up again. */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { until, WEB, YardFixture } from '../supervisor/yard-fixture.ts';
import type { ServiceToBe } from '../supervisor/yard-fixture.ts';

const service = (name: string): ServiceToBe => ({
  files: { 'main.js': WEB(name) },
  entry: { run: 'node main.js', health: '/', bake: '10m' },
  route: `/${name}`,
});

const journals = (yard: YardFixture) => readdir(join(yard.root, '.yard/journal'));

describe('a swap', { timeout: 120_000 }, () => {
  it('ends the bake that nobody waits for; what the next yard up cannot go on with is undone, or forgotten, or gone back from', async () => {
    const web = service('web');
    const yard = await YardFixture.make({ web, other: service('other') });
    try {
      await yard.done(['up', '-d']);
      await yard.done(['swap', 'web', '--no-wait']);
      await yard.done(['swap', 'web', '--preview']);
      await yard.done(['promote', 'web', '--no-wait']);
      assert.equal((await yard.json('/web'))['deployment'], 'web-3');

      await yard.done(['swap', 'web', '--preview']);
      await yard.done(['down']);
      await yard.done(['up', '-d']);
      await until(async () => (await journals(yard)).length === 0, 'the preview is undone');
      assert.equal((await yard.json('/web'))['deployment'], 'web-3');
      assert.match(await yard.done(['history', 'web']), /web-4 +aborted/);

      await yard.done(['swap', 'other', '--no-wait']);
      await yard.done(['swap', 'web', '--no-wait']);
      await yard.done(['down']);
      await yard.declare({ web });
      await yard.done(['up', '-d']);
      assert.equal((await journals(yard)).length, 1);
      assert.equal((await yard.json('/web'))['deployment'], 'web-5');
      await yard.done(['rollback', 'web', '--no-wait']);
      assert.equal((await yard.json('/web'))['deployment'], 'web-3');
    } finally {
      await yard.cleanUp();
    }
  });
});
