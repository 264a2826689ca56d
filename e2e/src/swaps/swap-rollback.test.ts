/** Going back, hot and cold, and how a swap ends when somebody does not wait for its end: Ctrl-C, another swap. */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { ProbeYard } from '../traffic/probe-yard.ts';
import { startTraffic } from '../traffic/traffic.ts';
import type { Traffic } from '../traffic/traffic.ts';
import { eventually } from '../yard-under-test.ts';
import { answeredBy, ask, begin, ends, journals, liveOf, nothingIsLeft, settle, tableOf } from './asked-swap.ts';

/** What is aimed at is a quarter of a second; what is asserted leaves room for a busy machine. */
const HOT_REVERT_MS = 2_500;

let yard: ProbeYard;
let traffic: Traffic | null = null;

before(async () => {
  yard = await ProbeYard.create({ more: { bake: '1s', stopGrace: '1s' } });
  await yard.up();
});
beforeEach(async () => {
  await yard.write('probe', {});
  traffic = startTraffic({
    origin: yard.origin,
    prefix: '/probe',
    kinds: { get: 4, post: 1 },
    streams: 1,
    sockets: 1,
    order: 'any',
  });
});
afterEach(async () => {
  await unloaded();
  await settle(yard);
});
after(() => yard.remove());

/** The load ends; nothing of it may have failed. */
async function unloaded(): Promise<void> {
  const load = traffic;
  traffic = null;
  if (load === null) return;
  const result = await load.stop();
  assert.deepEqual(result.failures, []);
  assert.ok((await result.verify()).isGood);
}

/** Swaps without a bake; answers what is live. */
async function swapped(...more: string[]): Promise<string> {
  const { report } = await ends(0, yard, 'swap', 'probe', '--bake', '0s', ...more);
  assert.equal(await liveOf(yard), report!.services['probe']!.to);
  return report!.services['probe']!.to!;
}

test('a rollback in the bake is hot', { timeout: 60_000 }, async () => {
  const live = (await liveOf(yard))!;
  const swap = begin(yard, 'swap', 'probe', '--bake', '40s');
  await swap.stage('drained');
  const { report } = await ends(0, yard, 'rollback', 'probe');
  console.log(`hot rollback: live again after ${report!.revertMs} ms`);
  assert.ok(report!.revertMs! < HOT_REVERT_MS, `${report!.revertMs} ms`);
  assert.equal((await swap.ended).code, 4);
  assert.equal(await liveOf(yard), live);
  await nothingIsLeft(yard);
});

test(
  'cold it goes back one deployment at a time, until nothing is left to go back to',
  { timeout: 120_000 },
  async () => {
    const first = (await liveOf(yard))!;
    const second = await swapped();
    const third = await swapped();
    assert.equal(new Set([first, second, third]).size, 3);
    for (const before of [second, first]) {
      const { report } = await ends(0, yard, 'rollback', 'probe');
      assert.equal(report!.services['probe']!.to, before);
      assert.equal(await liveOf(yard), before);
      assert.equal(await answeredBy(yard), before);
      await nothingIsLeft(yard);
    }
    const { report, output } = await ends(3, yard, 'rollback', 'probe');
    assert.match(report?.reason ?? output, new RegExp(`nothing was live in probe before ${first}`));
    assert.equal(await liveOf(yard), first);
    await nothingIsLeft(yard);
  },
);

test(
  'what is gone back to is the release that was kept, whatever has become of the tree',
  { timeout: 60_000 },
  async () => {
    const before = (await liveOf(yard))!;
    await swapped();
    await rm(path.join(yard.folder, 'probe'), { recursive: true });
    await ends(0, yard, 'rollback', 'probe');
    assert.equal(await liveOf(yard), before);
    assert.equal(await answeredBy(yard), before);
    await nothingIsLeft(yard);
  },
);

test('who does not wait may swap again, which ends the bake', { timeout: 60_000 }, async () => {
  const first = await ends(0, yard, 'swap', 'probe', '--bake', '60s', '--no-wait');
  assert.equal(first.report, null);
  assert.match(first.output, /the bake goes on until/);
  const standing = (await tableOf(yard)).services['probe']!;
  assert.notEqual(standing.standby, null);
  const second = await swapped();
  assert.notEqual(second, standing.live);
  await nothingIsLeft(yard);
});

test('without a way back the one before is stopped at once', { timeout: 60_000 }, async () => {
  const { report } = await ends(0, yard, 'swap', 'probe', '--no-rollback');
  const at = (name: string) => report!.timeline.find(({ stage }) => stage === name)!.atMs;
  assert.ok(at('baked') - at('drained') < 900, 'there was no bake');
  assert.equal(await liveOf(yard), report!.services['probe']!.to);
  await nothingIsLeft(yard);
});

test('Ctrl-C before the commit gives the swap up', { timeout: 60_000 }, async () => {
  const live = await liveOf(yard);
  await yard.write('probe', { bootMs: 20_000 });
  const swap = begin(yard, 'swap', 'probe');
  await swap.stage('spawned');
  swap.interrupt();
  const { code, report, output } = await swap.ended;
  assert.equal(code, 3, output);
  assert.equal(report!.outcome, 'aborted');
  assert.equal(await liveOf(yard), live);
  await nothingIsLeft(yard);
});

test('Ctrl-C after the commit leaves the swap to itself', { timeout: 60_000 }, async () => {
  const swap = begin(yard, 'swap', 'probe', '--bake', '3s');
  await swap.stage('drained');
  const { to } = (await swap.stage('committed')).services['probe']!;
  swap.interrupt();
  const { code, output } = await swap.ended;
  assert.equal(code, 0, output);
  assert.match(output, /the swap goes on/);
  assert.equal(await liveOf(yard), to);
  await eventually('its bake ends', async () => (await journals(yard)).length === 0);
  assert.equal(await liveOf(yard), to);
  await nothingIsLeft(yard);
});

test('after all of it a swap is a swap', { timeout: 60_000 }, async () => {
  const { code, output } = await ask(yard, 'swap', 'probe');
  assert.equal(code, 0, output);
  await nothingIsLeft(yard);
});
