/** Mixed load for ten minutes while what the gateway routes by changes each second: no failed request, nothing that grows. `--minutes 10 --rate 150` */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startTraffic } from '@switchyard/e2e/traffic/traffic';
import { startYardRig } from '../gateway/yard-rig.ts';
import { median } from '../report.ts';
import { Changes, DEPLOYMENTS, operatorOf } from './equipment/changes.ts';
import { startLeavers } from './equipment/leavers.ts';
import { ProbeInstances, registrationOf } from './equipment/probe-instances.ts';
import type { ProbeInstance } from './equipment/probe-instances.ts';
import { heldBy } from './equipment/process-watch.ts';
import type { Held } from './equipment/process-watch.ts';
import { tellFailures } from './equipment/traffic-figures.ts';
import { runTrial } from './equipment/trial.ts';

const SAMPLE_EVERY_MS = 5_000;
const CHANGE_EVERY_MS = 1_000;
const PER_DEPLOYMENT = 3;
const GROWTH_MAX_SHARE = 0.1;
const GROWTH_MAX_MIB = 16;
const LEAVERS_PER_SECOND = 5;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    rate: { type: 'string', default: '150' },
    workers: { type: 'string', default: '1' },
  },
});
const minutes = Number(values.minutes);

await runTrial(
  `A change each second for ${minutes} minutes, at ${values.rate} requests/s`,
  minutes + 4,
  async (trial) => {
    const rig = await startYardRig({ settings: { workers: Number(values.workers) } });
    trial.atEnd(() => rig.stop());
    const probes = new ProbeInstances(trial);
    const instances: ProbeInstance[] = [];
    for (const deployment of DEPLOYMENTS) {
      for (let n = 0; n < PER_DEPLOYMENT; n += 1) {
        const one = await probes.start(deployment);
        instances.push(one);
        await rig.register(one.id, registrationOf(one));
      }
    }
    const changes = new Changes(rig, probes, instances, await operatorOf(rig));
    const traffic = startTraffic({
      origin: rig.origin,
      ratePerSecond: Number(values.rate),
      order: 'any',
      countsFile: probes.countsFile,
    });
    const stopLeavers = startLeavers(rig.port, LEAVERS_PER_SECOND);

    const samples: Held[] = [];
    const startedAt = performance.now();
    const endsAt = startedAt + minutes * 60_000;
    const sampler = setInterval(() => {
      samples.push(heldBy(rig.gateway.pid));
      if (samples.length % 6 === 0) {
        const { residentMiB, privateMiB, descriptors } = samples.at(-1)!;
        trial.tell(
          `${traffic.counts().answered} answered, ${traffic.counts().failed} failed, ${changes.summary}; ${residentMiB.toFixed(1)} MiB, ${privateMiB.toFixed(1)} of its own, ${descriptors} descriptors`,
        );
      }
    }, SAMPLE_EVERY_MS);
    while (performance.now() < endsAt) {
      const due = performance.now() + CHANGE_EVERY_MS;
      await changes.next();
      await pause(Math.max(0, due - performance.now()));
    }
    clearInterval(sampler);
    await changes.settled();
    const left = stopLeavers();
    const result = await traffic.stop();
    const verified = await result.verify();
    await pause(5_000);
    const atRest = heldBy(rig.gateway.pid);

    tellFailures(trial, result.failures, startedAt + performance.timeOrigin);
    trial.figure(
      'requests, events and messages',
      `${result.sent} sent, ${result.answered} answered, ${result.resentMessages} sent again after a close with 1012`,
    );
    trial.figure(
      'by kind',
      Object.entries(result.kinds)
        .map(([kind, { answered, latencyMs }]) => `${kind} ${answered} (p99 ${latencyMs.p99.toFixed(0)} ms)`)
        .join(', '),
    );
    trial.figure(
      'streams and sockets opened again after a clean end',
      `${result.reconnects.stream} and ${result.reconnects.socket}`,
    );
    trial.figure('clients that left in the middle', left);
    trial.figure('changes', changes.summary);
    trial.promise('no failed request', result.failed === 0, `${result.failed} of ${result.sent}`);
    trial.promise(
      'every acknowledged POST done once',
      verified.isGood,
      `${verified.acknowledged} acknowledged, ${verified.lost} lost, ${verified.duplicated} twice`,
    );
    trial.promise('changes were taken by the registry', changes.refused === 0, `${changes.refused} refused`);
    const around = (minute: number): Held[] =>
      samples.filter(({ atMs }) => Math.abs((atMs - startedAt) / 60_000 - minute) <= 0.5);
    const early = around(Math.min(2, minutes * 0.3));
    const late = around(minutes - 0.5);
    const middle = (of: readonly Held[], pick: (held: Held) => number): number => median(of.map(pick));
    const [ownEarly, ownLate] = [early, late].map((of) => middle(of, ({ privateMiB }) => privateMiB)) as [
      number,
      number,
    ];
    const [openEarly, openLate] = [early, late].map((of) => middle(of, ({ descriptors }) => descriptors)) as [
      number,
      number,
    ];
    trial.promise(
      'memory of the last minute is that of an early one',
      ownLate <= ownEarly * (1 + GROWTH_MAX_SHARE) + GROWTH_MAX_MIB,
      `${ownEarly.toFixed(1)} MiB, then ${ownLate.toFixed(1)} (private; resident ${middle(early, ({ residentMiB }) => residentMiB).toFixed(1)}, then ${middle(late, ({ residentMiB }) => residentMiB).toFixed(1)})`,
    );
    trial.promise(
      'descriptors of the last minute are those of an early one',
      openLate <= openEarly * 1.25 + 10,
      `${openEarly}, then ${openLate}; ${atRest.descriptors} at rest`,
    );
    const errors = readFileSync(path.join(rig.folder, 'gateway.log'), 'utf8')
      .split('\n')
      .filter((line) => /"level":"(?:error|fatal)"/.test(line));
    trial.promise(
      'the gateway logged no error',
      errors.length === 0,
      errors.length === 0 ? 'none' : errors[0]!.slice(0, 300),
    );
  },
);
