/** Measures the gateway beside its peers in one interleaved run: CPU time per request first, throughput second. `node bench/dist/gateway/compare.js --help` */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { machine } from '../report.ts';
import { CASES } from './cases.ts';
import type { Case } from './cases.ts';
import { Absent } from './contestants/contestant.ts';
import type { Surroundings } from './contestants/contestant.ts';
import { nativeProxies } from './contestants/native-proxies.ts';
import { nodePeers } from './contestants/node-peers.ts';
import { switchyardOnBothCores, switchyards } from './contestants/switchyard.ts';
import { costTable, latencyTable } from './figures.ts';
import { measureCosts, measureLatencies } from './measurement.ts';
import type { Opened, Plan } from './measurement.ts';
import { stopAll } from './started-process.ts';
import { startUpstream } from './upstream.ts';

const USUAL = [...switchyards, ...nativeProxies, ...nodePeers];
const CONTESTANTS = [...USUAL, ...switchyardOnBothCores];
const namesOf = (all: readonly { readonly name: string }[]): string => all.map(({ name }) => name).join(',');

const HELP = `Usage: node bench/dist/gateway/compare.js [--rounds 5] [--seconds 5] [--warm-up 3] [--latency-seconds 3] [--json]
       [--cases ${namesOf(CASES)}]
       [--contestants ${namesOf(USUAL)}]
Further contestants, which have both cores: ${namesOf(switchyardOnBothCores)}.
Proxies are held to core 1, load and upstream to core 0; in each round each contestant is measured in turn. CPU time is that of
the proxy's whole process tree, in a closed loop of 64 connections (wrk). Latency is measured at half of what each did in it, 20,000
requests a second at most, beside nginx and no proxy at the same rate; --latency-seconds 0 leaves it out.
Needs nginx, haproxy, wrk and taskset. Quick: --cases small-get --contestants switchyard,nginx,httpxy --rounds 3 --seconds 3 --latency-seconds 0`;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '5' },
    'warm-up': { type: 'string', default: '3' },
    'latency-seconds': { type: 'string', default: '3' },
    cases: { type: 'string', default: namesOf(CASES) },
    contestants: { type: 'string', default: namesOf(USUAL) },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit(0);
}
const refuse = (fault: string): never => {
  console.error(fault);
  process.exit(2);
};
const wanted = <T extends { readonly name: string }>(written: string, all: readonly T[]): T[] =>
  written
    .split(',')
    .map((name) => all.find((one) => one.name === name) ?? refuse(`${name} is none of ${namesOf(all)}`));
const whole = (flag: 'rounds' | 'seconds' | 'warm-up' | 'latency-seconds', least: number): number => {
  const value = Number(values[flag]);
  return Number.isInteger(value) && value >= least ? value : refuse(`--${flag} is a whole number from ${least} on`);
};
const cases = wanted(values.cases, CASES);
const contestants = wanted(values.contestants, CONTESTANTS);
const limits = {
  rounds: whole('rounds', 1),
  seconds: whole('seconds', 1),
  warmUpSeconds: whole('warm-up', 1),
  latencySeconds: whole('latency-seconds', 0),
};
if (Number(process.versions.node.split('.')[0]) < 26) refuse('all of it runs on Node 26: node_modules/.bin/node');

let interruptedBy: NodeJS.Signals | null = null;

async function main(): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'gateway-compare-'));
  const opened: Opened[] = [];
  const absent: string[] = [];
  const close = async (): Promise<void> => {
    for (const { open } of opened) await open.close();
    await stopAll();
    await rm(folder, { recursive: true, force: true });
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      interruptedBy = signal;
      console.error(`stopped by ${signal}`);
      void close().finally(() => process.exit(1));
    });
  try {
    const upstream = await startUpstream(folder, '0');
    const at: Surroundings = { upstream, folder, proxyCores: '1', otherCores: '0', allCores: '0,1' };
    for (const contestant of contestants) {
      try {
        opened.push({ contestant, open: await contestant.open(at) });
      } catch (error) {
        if (!(error instanceof Absent)) throw error;
        absent.push(`${contestant.says}: not measured, ${error.message}`);
      }
    }
    const plan: Plan = {
      ...limits,
      folder,
      loadCores: '0',
      upstreamOrigin: `http://127.0.0.1:${upstream.ports[0]}`,
      tell: (progress) => console.error(progress),
    };
    for (const one of cases) await tell(one, opened, absent, plan);
  } finally {
    await close();
  }
}

/** Measures a case, and writes each table as soon as it is there. */
async function tell(one: Case, opened: readonly Opened[], absent: readonly string[], plan: Plan): Promise<void> {
  const { rounds, seconds, latencySeconds } = limits;
  const say = (text: string): void => {
    if (!values.json) console.log(text);
  };
  const taken = { case: one.name, machine: machine(), at: new Date().toISOString(), ...limits, absent };
  say(`\n## ${one.says}\n\n${taken.machine}; ${taken.at}; median (least..most) of ${rounds} rounds of ${seconds} s\n`);
  const costs = await measureCosts(one, opened, plan);
  say(costTable(costs));
  for (const line of absent) say(`\n${line}`);
  const latencies = latencySeconds === 0 ? [] : await measureLatencies(one, opened, costs, plan);
  if (latencySeconds > 0)
    say(`\nAt half of that, ${rounds} rounds of ${latencySeconds} s:\n\n${latencyTable(latencies)}`);
  if (values.json) console.log(JSON.stringify({ ...taken, costs, latencies }));
}

await main().catch((error: unknown) => {
  // What fails then does so because everything is being stopped.
  if (interruptedBy === null) throw error;
});
