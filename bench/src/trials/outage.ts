/** All instances are gone (killed, hung, answering 503), for seconds and for 40 s: nothing is multiplied, refusals are quick, the way back is short. */
import { setTimeout as pause } from 'node:timers/promises';
import { startYardRig } from '../gateway/yard-rig.ts';
import { inPrivateNetwork, refusedConnections } from './equipment/private-network.ts';
import { byAnswer, inMs, percentile, timedLoad } from './equipment/timed-load.ts';
import { countsOf, TrialService } from './equipment/trial-service.ts';
import type { Trial } from './equipment/trial.ts';
import { runTrial } from './equipment/trial.ts';

const RATE = 500;
const BEFORE_SECONDS = 3;
const AFTER_SECONDS = 6;
const TIMEOUT_MS = 1_000;
const ADDED_MAX_SHARE = 0.2;
const REFUSED_WITHIN_MS = 1;
const BACK_WITHIN_MS = 2_000;

interface Outage {
  readonly says: string;
  readonly seconds: number;
  readonly begin: (all: readonly TrialService[]) => unknown;
  readonly end: (all: readonly TrialService[]) => unknown;
}

const killed = {
  begin: (all: readonly TrialService[]) => all.forEach((one) => one.signal('SIGKILL')),
  end: (all: readonly TrialService[]) => Promise.all(all.map((one) => one.start())),
};
const OUTAGES: readonly Outage[] = [
  { says: 'killed, 10 s', seconds: 10, ...killed },
  { says: 'killed, 40 s', seconds: 40, ...killed },
  {
    says: 'hung (SIGSTOP), 10 s',
    seconds: 10,
    begin: (all) => all.forEach((one) => one.signal('SIGSTOP')),
    end: (all) => all.forEach((one) => one.signal('SIGCONT')),
  },
  {
    says: 'answering 503, 10 s',
    seconds: 10,
    begin: (all) => Promise.all(all.map((one) => one.set({ status: 503 }))),
    end: (all) => Promise.all(all.map((one) => one.set({ status: 0 }))),
  },
];

async function suffer(trial: Trial, outage: Outage, all: readonly TrialService[], port: number): Promise<void> {
  const { says } = outage;
  const seconds = BEFORE_SECONDS + outage.seconds + AFTER_SECONDS;
  const load = timedLoad({ port, path: '/sleep', ratePerSecond: RATE, seconds });
  await pause(BEFORE_SECONDS * 1_000);
  const before = { refused: refusedConnections(), counted: (await countsOf(all)).requests };
  const downAt = performance.now();
  await outage.begin(all);
  await pause(outage.seconds * 1_000);
  const refused = refusedConnections() - before.refused;
  const backAt = performance.now();
  await outage.end(all);
  const { requests, wrong } = await load;
  // Those who were killed count from nothing; what was sent to the others is counted at the latest when they go on.
  const isKilled = outage.begin === killed.begin;
  const goodAfter = requests.filter(({ sentAtMs, status }) => sentAtMs >= backAt && status === 200).length;
  const during = requests.filter(({ sentAtMs }) => sentAtMs >= downAt && sentAtMs < backAt);
  const counted = isKilled ? 0 : (await countsOf(all)).requests - before.counted - goodAfter;
  const attempts = refused + counted;
  const refusals = during.filter(({ code }) => code === 'GATEWAY_BREAKER_OPEN').map(({ tookMs }) => tookMs);
  const quiet = requests.filter(({ sentAtMs }) => sentAtMs < downAt).map(({ tookMs }) => tookMs);
  const goodAt = requests
    .filter(({ sentAtMs, tookMs, status }) => status === 200 && sentAtMs + tookMs >= backAt)
    .map(({ sentAtMs, tookMs }) => sentAtMs + tookMs);
  const badAfter = requests.filter(({ sentAtMs, status }) => status !== 200 && sentAtMs >= backAt);
  const firstGoodMs = Math.min(...goodAt) - backAt;
  const lastBadMs = Math.max(backAt, ...badAfter.map(({ sentAtMs }) => sentAtMs)) - backAt;
  trial.tell(`${says}: ${byAnswer(during)}; first good answer after ${firstGoodMs.toFixed(0)} ms`);
  trial.figure(`${says}: answers meanwhile`, byAnswer(during));
  trial.figure(
    `${says}: answers before`,
    `${byAnswer(requests.filter(({ sentAtMs }) => sentAtMs < downAt))}; p50 ${inMs(percentile(quiet, 0.5))}, p99 ${inMs(percentile(quiet, 0.99))}`,
  );
  if (wrong.size > 0)
    trial.figure(`${says}: connections`, [...wrong].map(([what, count]) => `${what}: ${count}`).join(', '));
  trial.promise(
    `${says}: second attempts add at most a fifth`,
    attempts <= during.length * (1 + ADDED_MAX_SHARE),
    `${attempts} attempts for ${during.length} requests`,
  );
  const p50 = percentile(refusals, 0.5);
  trial.promise(
    `${says}: refused within 1 ms`,
    p50 < REFUSED_WITHIN_MS,
    `p50 ${inMs(p50)}, p90 ${inMs(percentile(refusals, 0.9))}, p99 ${inMs(percentile(refusals, 0.99))} of ${refusals.length}`,
  );
  trial.promise(
    `${says}: found back within 2 s`,
    firstGoodMs <= BACK_WITHIN_MS && lastBadMs <= BACK_WITHIN_MS,
    `first good answer after ${firstGoodMs.toFixed(0)} ms, last refusal sent after ${lastBadMs.toFixed(0)} ms`,
  );
}

await inPrivateNetwork();
await runTrial('A full outage', 6, async (trial) => {
  const all = await TrialService.startAll(trial, 3, { DELAY_MS: '2' });
  const rig = await startYardRig();
  trial.atEnd(() => rig.stop());
  for (const one of all)
    await rig.register(one.name, { service: 'trial', port: one.port, routes: [{ path: '/', timeoutMs: TIMEOUT_MS }] });
  await timedLoad({ port: rig.port, path: '/sleep', ratePerSecond: RATE, seconds: 3 });
  trial.figure(
    'load',
    `${RATE} GETs a second on 64 connections, three instances that answer in 2 ms, timeoutMs ${TIMEOUT_MS}`,
  );
  for (const outage of OUTAGES) await suffer(trial, outage, all, rig.port);
});
