/**
 * The differential fuzz for as long as one likes: `node platform/gateway/dist/strictness/differential/fuzz-main.js --seed 1 --count
 * 20000`, optionally with `--from` (the first case) and `--minutes`. Exit code 1 when there is any difference.
 */
import { test } from 'node:test';
import { parseArgs } from 'node:util';
import { compare, described, startLanes } from './differential.ts';
import { INSTALLED, programOf, startParser } from './parsers.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '2000' },
    from: { type: 'string', default: '0' },
    minutes: { type: 'string', default: '60' },
  },
});
const [seed, count, from] = [Number(values.seed), Number(values.count), Number(values.from)];
const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** Between two reports. */
const STEP = 1_000;
const SHOWN_MAX = 25;

test(`${count} cases of seed ${seed}`, async (t) => {
  const installed = INSTALLED.filter((name) => programOf(name) !== null);
  const lanes = await startLanes(t, await Promise.all(installed.map(startParser)));
  const untilMs = performance.now() + Number(values.minutes) * 60_000;
  const refusals = new Map<string, number>();
  let [cases, requests, accepted, refused, shown] = [0, 0, 0, 0, 0];
  for (let at = from; at < from + count && performance.now() < untilMs; at += STEP) {
    const outcome = await compare(lanes, {
      seed,
      from: at,
      count: Math.min(STEP, from + count - at),
      forMs: untilMs - performance.now(),
    });
    cases += outcome.cases;
    requests += outcome.requests;
    accepted += outcome.accepted;
    refused += outcome.refused;
    for (const [what, times] of outcome.refusedByService) refusals.set(what, (refusals.get(what) ?? 0) + times);
    for (const one of outcome.differences) if ((shown += 1) <= SHOWN_MAX) say(described(one));
    say(`${cases} cases, ${requests} requests meant, ${accepted} accepted, ${refused} refused, ${shown} differences`);
  }
  for (const [what, times] of refusals) say(`passed on, and refused by ${what}: ${times}`);
  if (shown > 0) throw new Error(`${shown} differences`);
});
