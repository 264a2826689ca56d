/** Whatever bytes come: what llhttp refuses the gateway refuses, and what it passes on every parser behind it reads as it did. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compare, described, startLanes } from './differential.ts';
import { INSTALLED, programOf, startParser } from './parsers.ts';
import type { Parser } from './seen.ts';

const SEED = 20_261_122;
const FOR_MS = 35_000;
const CASES_LEAST = 250;
/** More would tell nothing new. */
const SHOWN_MAX = 10;

const parsers: Parser[] = [];

for (const name of INSTALLED) {
  const skip = programOf(name) === null && `${name} is not installed`;
  // Its own test, as compiling a server may take a while.
  test(`a server of ${name} starts, to read what the gateway passes on`, { skip }, async () => {
    parsers.push(await startParser(name));
  });
}

test('generated requests are read in one way, by llhttp, by the gateway on each of its ways, and by every parser behind it', async (t) => {
  const lanes = await startLanes(t, parsers);
  const outcome = await compare(lanes, {
    seed: SEED,
    from: 0,
    count: 1_000_000,
    forMs: FOR_MS,
    isEnough: (differences) => differences > 0,
  });
  const { cases, accepted, refused, differences } = outcome;
  t.diagnostic(`${cases} cases, ${accepted} requests accepted, ${refused} refused`);
  assert.equal(differences.slice(0, SHOWN_MAX).map(described).join('\n'), '');
  assert.ok(cases >= CASES_LEAST, `only ${cases} cases`);
  assert.ok(accepted > cases && refused > cases / 2, `${accepted} accepted and ${refused} refused of ${cases} cases`);
});
