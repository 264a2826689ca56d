/** Measures the gateway beside its peers in one interleaved run: CPU time per request first, throughput second. `node bench/dist/gateway/compare.js --help` */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { costOf } from '../processes.ts';
import { machine } from '../report.ts';
import { CASES, proveAnswer } from './cases.ts';
import type { Case } from './cases.ts';
import { closedLoop } from './closed-loop.ts';
import type { Contestant, OpenContestant, Surroundings } from './contestants/contestant.ts';
import { haproxy, nginx } from './contestants/native-proxies.ts';
import { nodePeers } from './contestants/node-peers.ts';
import { switchyard, switchyardLogging } from './contestants/switchyard.ts';
import { tableOf } from './figures.ts';
import type { Figure } from './figures.ts';
import { stopAll } from './started-process.ts';
import { startUpstream } from './upstream.ts';

const CONTESTANTS: readonly Contestant[] = [switchyard, switchyardLogging, nginx, haproxy, ...nodePeers];
const namesOf = (all: readonly { readonly name: string }[]): string => all.map(({ name }) => name).join(',');

const HELP = `Usage: node bench/dist/gateway/compare.js [--rounds 5] [--seconds 5] [--warm-up 3] [--json]
       [--cases ${namesOf(CASES)}]
       [--contestants ${namesOf(CONTESTANTS)}]
Each contestant is held to core 1, load and upstream to core 0. In each round each contestant is measured in turn.`;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '5' },
    'warm-up': { type: 'string', default: '3' },
    cases: { type: 'string', default: namesOf(CASES) },
    contestants: { type: 'string', default: namesOf(CONTESTANTS) },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit(0);
}
const wanted = <T extends { readonly name: string }>(written: string, all: readonly T[]): T[] =>
  written.split(',').map((name) => {
    const found = all.find((one) => one.name === name);
    if (found !== undefined) return found;
    console.error(`${name} is none of ${namesOf(all)}`);
    process.exit(2);
  });
const cases = wanted(values.cases, CASES);
const contestants = wanted(values.contestants, CONTESTANTS);
const [rounds, seconds, warmUpSeconds] = [values.rounds, values.seconds, values['warm-up']].map(Number) as [
  number,
  number,
  number,
];

async function main(): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'gateway-compare-'));
  const opened: (readonly [Contestant, OpenContestant])[] = [];
  const close = async (): Promise<void> => {
    for (const [, one] of opened) await one.close();
    await stopAll();
    await rm(folder, { recursive: true, force: true });
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void close().finally(() => process.exit(1)));
  try {
    const upstream = await startUpstream(folder, '0');
    const at: Surroundings = { upstream, folder, proxyCores: '1', otherCores: '0' };
    for (const contestant of contestants) opened.push([contestant, await contestant.open(at)]);
    for (const one of cases) {
      const figures = await measure(one, opened, folder);
      if (values.json) console.log(JSON.stringify({ case: one.name, machine: machine(), figures }));
      else
        console.log(
          `\n### ${one.says}\n\n${machine()}, ${new Date().toISOString()}; ${rounds} rounds of ${seconds} s\n\n${tableOf(figures)}`,
        );
    }
  } finally {
    await close();
  }
}

async function measure(
  one: Case,
  opened: readonly (readonly [Contestant, OpenContestant])[],
  folder: string,
): Promise<Figure[]> {
  const runOf = async (open: OpenContestant, forSeconds: number) =>
    closedLoop(one, {
      folder,
      cores: '0',
      origin: open.origin,
      token: await open.token(),
      seconds: forSeconds,
    });
  for (const [contestant, open] of opened) {
    await proveAnswer(one, open.origin, await open.token()).catch((error: unknown) => {
      throw new Error(`${contestant.says} answers wrongly`, { cause: error });
    });
    await runOf(open, warmUpSeconds);
  }
  const figures: Figure[] = opened.map(([{ name, says, family }]) => ({ name, says, family, rounds: [] }));
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, [contestant, open]] of opened.entries()) {
      const before = costOf(open.pid, { andBelow: true });
      const run = await runOf(open, seconds);
      const after = costOf(open.pid, { andBelow: true });
      if (run.faults > 0) throw new Error(`${contestant.says}: ${run.faults} requests of ${one.says} failed`);
      const cpuMicros = ((after.cpuSeconds - before.cpuSeconds) * 1e6) / run.requests;
      figures[index]!.rounds.push({
        cpuMicros,
        requestsPerSecond: run.requestsPerSecond,
        memoryMiB: after.memoryMiB,
      });
      if (!values.json)
        console.error(
          `${one.name} ${round + 1}/${rounds} ${contestant.name}: ${cpuMicros.toFixed(1)} µs, ${Math.round(run.requestsPerSecond)}/s`,
        );
    }
  }
  return figures;
}

await main();
