/** What balancing makes of one slow instance among five, in a simulated service on a clock of its own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom, serviceOf } from '../testing/test-service.ts';
import type { Claim } from './claim.ts';
import { claimInstance } from './claim.ts';
import type { Instance } from './instance.ts';
import { LIVE_BUCKET } from './split.ts';

interface Setup {
  /** Time of an answer, as a multiple of the mean. */
  readonly shape: (random: () => number) => number;
  readonly meanMs: number;
  readonly requestsPerSecond: number;
  /** Requests that an instance works on at a time; others wait there. */
  readonly cores: number;
  /** How many times slower the first instance is. */
  readonly slowness: number;
}

const SECONDS = 60;
const INSTANCES = 5;

/** The 99th percentile in milliseconds, and the share of requests that the first instance got. */
function run(setup: Setup, choose: 'balanced' | 'in turn', seed: number): { p99Ms: number; share: number } {
  const { shape, meanMs, requestsPerSecond, cores, slowness } = setup;
  const random = seededRandom(seed);
  const { service } = serviceOf(INSTANCES, { random });
  const up = service.live!.up;
  const waiting = new Map(up.map((instance) => [instance, [] as Request[]]));
  const busy = new Map(up.map((instance) => [instance, 0]));
  const agenda = new Agenda();
  const takenMs: number[] = [];
  let asked = 0;
  let askedFirst = 0;

  const begin = (request: Request): void => {
    const { instance } = request;
    busy.set(instance, busy.get(instance)! + 1);
    const workMs = shape(random) * meanMs * (instance === up[0] ? slowness : 1);
    agenda.add(agenda.nowMs + workMs, () => end(request));
  };
  const end = (request: Request): void => {
    const { instance, claim, atMs } = request;
    const latencyMs = agenda.nowMs - atMs;
    takenMs.push(latencyMs);
    busy.set(instance, busy.get(instance)! - 1);
    if (claim !== null) {
      claim.answered(200, latencyMs, agenda.nowMs);
      claim.release();
    }
    const next = waiting.get(instance)!.shift();
    if (next !== undefined) begin(next);
  };
  const ask = (): void => {
    const atMs = agenda.nowMs;
    const claim =
      choose === 'in turn' ? null : (claimInstance(service, LIVE_BUCKET, null, atMs, true, random) as Claim);
    const instance = claim?.instance ?? up[asked % INSTANCES]!;
    asked += 1;
    if (instance === up[0]) askedFirst += 1;
    if (busy.get(instance)! < cores) begin({ instance, claim, atMs });
    else waiting.get(instance)!.push({ instance, claim, atMs });
    if (atMs < SECONDS * 1_000) agenda.add(atMs + (exponential(random) * 1_000) / requestsPerSecond, ask);
  };
  agenda.add(0, ask);
  agenda.run();
  takenMs.sort((a, b) => a - b);
  return { p99Ms: takenMs[Math.floor(takenMs.length * 0.99)]!, share: askedFirst / asked };
}

interface Request {
  readonly instance: Instance;
  readonly claim: Claim | null;
  readonly atMs: number;
}

/** What happens when: a binary heap by time. */
class Agenda {
  nowMs = 0;
  private readonly heap: { readonly atMs: number; readonly happen: () => void }[] = [];

  add(atMs: number, happen: () => void): void {
    const { heap } = this;
    heap.push({ atMs, happen });
    for (let at = heap.length - 1; at > 0;) {
      const parent = (at - 1) >> 1;
      if (heap[parent]!.atMs <= heap[at]!.atMs) break;
      [heap[parent], heap[at]] = [heap[at]!, heap[parent]!];
      at = parent;
    }
  }

  run(): void {
    const { heap } = this;
    while (heap.length > 0) {
      const first = heap[0]!;
      const last = heap.pop()!;
      if (heap.length > 0) {
        heap[0] = last;
        for (let at = 0; ;) {
          let child = 2 * at + 1;
          if (child >= heap.length) break;
          if (child + 1 < heap.length && heap[child + 1]!.atMs < heap[child]!.atMs) child += 1;
          if (heap[at]!.atMs <= heap[child]!.atMs) break;
          [heap[at], heap[child]] = [heap[child]!, heap[at]!];
          at = child;
        }
      }
      this.nowMs = first.atMs;
      first.happen();
    }
  }
}

const exponential = (random: () => number): number => -Math.log(1 - random());
const SHAPES: Readonly<Record<string, Setup['shape']>> = {
  'always the same': () => 1,
  exponential,
  'log-normal': (random) => Math.exp(Math.sqrt(2 * exponential(random)) * Math.cos(2 * Math.PI * random()) - 0.5),
};
const LOADS = [
  { meanMs: 10, requestsPerSecond: 500, cores: Infinity },
  { meanMs: 10, requestsPerSecond: 500, cores: 4 },
  { meanMs: 50, requestsPerSecond: 100, cores: 4 },
];

for (const [name, shape] of Object.entries(SHAPES))
  for (const load of LOADS)
    test(`one of five instances ten times slower raises the 99th percentile by less than half: ${name}, ${load.meanMs} ms, ${load.requestsPerSecond}/s, ${load.cores} at a time`, (t) => {
      const healthy = run({ shape, ...load, slowness: 1 }, 'balanced', 1);
      const hit = run({ shape, ...load, slowness: 10 }, 'balanced', 1);
      const inTurn = run({ shape, ...load, slowness: 10 }, 'in turn', 1);
      const figures = [healthy.p99Ms, hit.p99Ms, inTurn.p99Ms].map((ms) => ms.toFixed(1));
      t.diagnostic(
        `healthy ${figures[0]} ms, one slow ${figures[1]} ms (gets ${(hit.share * 100).toFixed(2)} %), in turn ${figures[2]} ms`,
      );
      assert.ok(hit.p99Ms <= 1.5 * healthy.p99Ms, `${figures[1]} ms instead of ${figures[0]} ms`);
      assert.ok(hit.share < 0.01);
      assert.ok(hit.share > 0, 'it is tried now and then');
      assert.ok(inTurn.p99Ms > 3 * healthy.p99Ms, 'else the simulation shows nothing');
    });

test('without a slow one, all get about the same', () => {
  for (const load of LOADS) {
    const { share } = run({ shape: exponential, ...load, slowness: 1 }, 'balanced', 2);
    assert.ok(share > 0.17 && share < 0.23, `${share}`);
  }
});
