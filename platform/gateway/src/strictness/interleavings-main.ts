/**
 * Interleavings for as long as one likes: `node platform/gateway/dist/strictness/interleavings-main.js --seed 10001 --minutes 5`, each
 * round with the next seed, which has at least five digits. Exit code 1 when anything was wrong.
 */
import { test } from 'node:test';
import { parseArgs } from 'node:util';
import { interleave } from './interleavings.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '10001' },
    minutes: { type: 'string', default: '5' },
    clients: { type: 'string', default: '500' },
  },
});
const untilMs = performance.now() + Number(values.minutes) * 60_000;

test('interleavings', async (t) => {
  let wrong = 0;
  for (let seed = Number(values.seed); performance.now() < untilMs; seed += 1) {
    await t.test(`seed ${seed}`, async (round) => {
      const { requests, answered, refused, faults } = await interleave(round, seed, Number(values.clients));
      wrong += faults.length;
      process.stdout.write(`seed ${seed}: ${requests} requests, ${answered} answered whole, ${refused} refused\n`);
      for (const fault of faults.slice(0, 10)) process.stdout.write(`  ${fault}\n`);
    });
  }
  if (wrong > 0) throw new Error(`${wrong} faults`);
});
