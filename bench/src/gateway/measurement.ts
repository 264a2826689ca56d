/** One case, measured of all contestants in turn, round by round. */
import { costOf } from '../processes.ts';
import { proveAnswer } from './cases.ts';
import type { Case } from './cases.ts';
import { closedLoop } from './closed-loop.ts';
import type { Contestant, OpenContestant } from './contestants/contestant.ts';
import { median } from '../report.ts';
import type { CostRound, Figures, LatencyFigures, LatencyRound } from './figures.ts';
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
  /** Of each run at a fixed rate. */
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

/** CPU time and throughput in a closed loop, after each has answered rightly and was warmed up. */
export async function measureCosts(one: Case, all: readonly Opened[], plan: Plan): Promise<Figures[]> {
  for (const { contestant, open } of all) {
    await proveAnswer(one, open.origin, await open.token()).catch((error: unknown) => {
      throw new Error(`${contestant.says} answers wrongly`, { cause: error });
    });
    await warmUp(one, open, plan);
  }
  const costs = all.map((): CostRound[] => []);
  for (let round = 1; round <= plan.rounds; round += 1) {
    for (const [index, { contestant, open }] of all.entries()) {
      const cost = await costOfRound(one, open, plan);
      if (cost.faults > 0) throw new Error(`${contestant.says}: ${cost.faults} requests of ${one.says} failed`);
      costs[index]!.push(cost);
      plan.tell(
        `${one.name} ${round}/${plan.rounds} ${contestant.name}: ${cost.cpuMicros.toFixed(1)} µs, ${Math.round(cost.requestsPerSecond)}/s`,
      );
    }
  }
  return all.map(({ contestant: { name, says, family } }, index) => ({ name, says, family, costs: costs[index]! }));
}

/** Latency of each at half of what it did, in the order of `costs`, which is that of `all`. */
export async function measureLatencies(
  one: Case,
  all: readonly Opened[],
  costs: readonly Figures[],
  plan: Plan,
): Promise<LatencyFigures[]> {
  const nginx = all.find(({ contestant }) => contestant.name === 'nginx')?.open ?? null;
  const rates = costs.map((figures) =>
    Math.min(HIGHEST_RATE, Math.floor(median(figures.costs.map((cost) => cost.requestsPerSecond)) / 2)),
  );
  const latencies = all.map((): LatencyRound[] => []);
  for (let round = 1; round <= plan.rounds; round += 1) {
    for (const [index, { contestant, open }] of all.entries()) {
      const rate = rates[index]!;
      const latency = await latencyOfRound(one, open, nginx, rate, plan);
      latencies[index]!.push(latency);
      plan.tell(
        `${one.name} ${round}/${plan.rounds} ${contestant.name} at ${rate}/s: p50 ${latency.own.p50Micros} µs, p99 ${latency.own.p99Micros} µs`,
      );
    }
  }
  return all.map(({ contestant: { name, says } }, index) => ({ name, says, latencies: latencies[index]! }));
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
  const costAt = async (proxy: OpenContestant) => {
    const before = costOf(proxy.pid, { andBelow: true });
    const seen = await at(proxy.origin, await proxy.token());
    const after = costOf(proxy.pid, { andBelow: true });
    return { seen, cpuMicros: ((after.cpuSeconds - before.cpuSeconds) * 1e6) / seen.requests };
  };
  const direct = await at(plan.upstreamOrigin, 'none');
  const ofNginx = nginx === null || nginx === open ? null : await costAt(nginx);
  const own = await costAt(open);
  const reference = nginx === open ? own : ofNginx;
  return {
    ratePerSecond,
    own: own.seen,
    nginx: reference?.seen ?? null,
    direct,
    cpuMicros: own.cpuMicros,
    nginxCpuMicros: reference?.cpuMicros ?? null,
  };
}
