/** The whole yard goes down in the middle of a swap: once it is up again one deployment is live, the one that was committed. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ProbeYard } from '../traffic/probe-yard.ts';
import { eventually } from '../yard-under-test.ts';
import { answeredBy, begin, ends, journals, liveOf, nothingIsLeft } from './asked-swap.ts';

let yard: ProbeYard;

before(async () => {
  yard = await ProbeYard.create({ more: { bake: '1s', stopGrace: '1s' } });
  await yard.up();
});
after(() => yard.remove());

for (const [stage, isCommitted] of [
  ['locked', false],
  ['built', false],
  ['spawned', false],
  ['healthy', false],
  ['warm', false],
  ['preview', false],
  ['canary', false],
  ['committed', true],
  ['acknowledged', true],
  ['drained', true],
  ['baked', true],
] as const) {
  test(
    `yard down while a swap is ${stage}, and up: what was committed is live, alone`,
    { timeout: 60_000 },
    async () => {
      const words = stage === 'preview' ? ['--preview'] : stage === 'canary' ? ['--canary', '10'] : [];
      const swap = begin(yard, 'swap', 'probe', '--bake', '1s', '--hold-at', stage, ...words);
      const { from, to } = (await swap.stage(stage)).services['probe']!;
      const down = await yard.yard('down');
      assert.equal(down.code, 0, down.stdout + down.stderr);
      // The command of a preview has ended already, and well.
      assert.equal((await swap.ended).code, stage === 'preview' ? 0 : 1);
      await yard.up();
      await ends(0, yard, 'resume');
      // A preview is still one: it is what was asked for.
      if (stage === 'preview' && (await journals(yard)).length > 0) await ends(0, yard, 'abort', 'probe');
      await eventually('nothing goes on any more', async () => (await journals(yard)).length === 0, 30_000);
      const live = await liveOf(yard);
      // A canary goes on by itself, and ends as one does.
      assert.ok(
        live === (isCommitted ? to : from) || (stage === 'canary' && live === to),
        `${live}, of ${from} and ${to}`,
      );
      assert.equal(await answeredBy(yard), live);
      await nothingIsLeft(yard);
    },
  );
}

test('after all of it a swap is a swap', { timeout: 60_000 }, async () => {
  await ends(0, yard, 'swap', 'probe');
  await nothingIsLeft(yard);
});
