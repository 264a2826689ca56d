/** Whatever happens at the same time: each answer belongs to its request, and nothing is left behind. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { interleave } from './interleavings.ts';

const SEED = 20_261_122;
const CLIENTS = 1_800;

test('no answer is mixed with another, nothing is done twice, and nothing stays, however requests interleave', async (t) => {
  const { requests, answered, refused, faults } = await interleave(t, SEED, CLIENTS);
  t.diagnostic(`${requests} requests, ${answered} answered whole, ${refused} refused`);
  assert.equal(faults.slice(0, 10).join('\n'), '');
  assert.ok(answered > requests / 4, `only ${answered} of ${requests} were answered`);
});
