/** One case, measured of all contestants in turn, round by round. */
import { costOf } from '../processes.ts';
import { proveAnswer } from './cases.ts';
import type { Case } from './cases.ts';
import { closedLoop } from './closed-loop.ts';
import type { Contestant, OpenContestant } from './contestants/contestant.ts';
import { median } from '../report.ts';
import type { CostRound, Figures, LatencyRound } from './figures.ts';
import { openLoop } from './open-loop.ts';

/** What the generator of a fixed rate holds on one core together with the upstream. */
const HIGHEST_RATE = 20_000;

/** Of a core, that a proxy has had while it was warmed up. */
const WARM_SHARE = 0.7;
const WARM_UPS_MAX = 4;

export interface Plan {
  readonly rounds: number;
  /** Of each closed-loop run. */
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** Of each run at a fixed rate; 0: none. */
  readonly latencySeconds: number;
  readonly folder: string;
  readonly loadCores: string;
  /** The upstream itself, for the latency without a proxy. */
  readonly upstreamOrigin: string;
  readonly tell: (progress: string) => void;
}

export interface Opened {
  readonly contestant: Contestant;
  readonly open: OpenContestant;
}

export async function measureCase(one: Case, all: readonly Opened[], plan: Plan): Promise<Figures[]> {
  for (const { contestant, open } of all) {
    await proveAnswer(one, open.origin, await open.token()).catch((error: unknown) => {
      throw new Error(`${contestant.says} answers wrongly`, { cause: error });
    });
    await warmUp(one, open, plan);
  }
  const figures = all.map(({ contestant: { name, says, family } }) => ({
    name,
    says,
    family,
    costs: [] as CostRound[],
    latencies: [] as LatencyRound[],
  }));
  for (let round = 1; round <= plan.rounds; round += 1) {
    for (const [index, { contestant, open }] of all.entries()) {
      const cost = await costOfRound(one, open, plan);
      if (cost.faults > 0) throw new Error(`${contestant.says}: ${cost.faults} requests of ${one.says} failed`);
      figures[index]!.costs.push(cost);
      plan.tell(
        `${one.name} ${round}/${plan.rounds} ${contestant.name}: ${cost.cpuMicros.toFixed(1)} µs, ${Math.round(cost.requestsPerSecond)}/s`,
      );
    }
  }
  const nginx = all.find(({ contestant }) => contestant.name === 'nginx')?.open ?? null;
  for (let round = 1; plan.latencySeconds > 0 && round <= plan.rounds; round += 1) {
    for (const [index, { contestant, open }] of all.entries()) {
      const { costs, latencies } = figures[index]!;
      const rate = Math.min(HIGHEST_RATE, Math.floor(median(costs.map((cost) => cost.requestsPerSecond)) / 2));
      const latency = await latencyOfRound(one, open, nginx, rate, plan);
      latencies.push(latency);
      plan.tell(
        `${one.name} ${round}/${plan.rounds} ${contestant.name} at ${rate}/s: p50 ${latency.own.p50Micros} µs, p99 ${latency.own.p99Micros} µs`,
      );
    }
  }
  return figures;
}

/** By its CPU time: on a busy machine, Node compiles what is hot later. A proxy that needs less than its core is warm all the same. */
async function warmUp(one: Case, open: OpenContestant, plan: Plan): Promise<void> {
  const cpuSeconds = (): number => costOf(open.pid, { andBelow: true }).cpuSeconds;
  const enough = cpuSeconds() + plan.warmUpSeconds * WARM_SHARE;
  for (let run = 0; run < WARM_UPS_MAX && (run === 0 || cpuSeconds() < enough); run += 1)
    await inClosedLoop(one, open, plan, plan.warmUpSeconds);
}

async function inClosedLoop(one: Case, open: OpenContestant, plan: Plan, seconds: number) {
  const { folder, loadCores: cores } = plan;
  return closedLoop(one, { folder, cores, origin: open.origin, token: await open.token(), seconds });
}

async function costOfRound(one: Case, open: OpenContestant, plan: Plan): Promise<CostRound> {
  const before = costOf(open.pid, { andBelow: true });
  const { requests, requestsPerSecond, faults } = await inClosedLoop(one, open, plan, plan.seconds);
  const after = costOf(open.pid, { andBelow: true });
  const cpuSeconds = after.cpuSeconds - before.cpuSeconds;
  return {
    cpuMicros: (cpuSeconds * 1e6) / requests,
    kernelMicros: ((after.kernelSeconds - before.kernelSeconds) * 1e6) / requests,
    requestsPerSecond,
    coresUsed: cpuSeconds / (requests / requestsPerSecond),
    memoryMiB: after.memoryMiB,
    faults,
  };
}

async function latencyOfRound(
  one: Case,
  open: OpenContestant,
  nginx: OpenContestant | null,
  ratePerSecond: number,
  plan: Plan,
): Promise<LatencyRound> {
  const at = async (origin: string, token: string) =>
    openLoop(one, { cores: plan.loadCores, origin, token, seconds: plan.latencySeconds, ratePerSecond });
  const direct = await at(plan.upstreamOrigin, 'none');
  const ofNginx = nginx === null ? null : nginx === open ? null : await at(nginx.origin, await nginx.token());
  const before = costOf(open.pid, { andBelow: true });
  const own = await at(open.origin, await open.token());
  const after = costOf(open.pid, { andBelow: true });
  const cpuMicros = ((after.cpuSeconds - before.cpuSeconds) * 1e6) / own.requests;
  return { ratePerSecond, own, nginx: nginx === open ? own : ofNginx, direct, cpuMicros };
}
