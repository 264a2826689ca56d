/** The registry is gone for ten minutes, an instance dies and comes back meanwhile, then the registry is started again: nobody notices. `--minutes 10 --rate 300` */
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startTraffic } from '@switchyard/e2e/traffic/traffic';
import { REPOSITORY } from '@switchyard/e2e/yard-under-test';
import { answersOk, start, untilUp } from '../gateway/started-process.ts';
import { NODE_FLAGS, startYardRig } from '../gateway/yard-rig.ts';
import { ProbeInstances, registrationOf } from './equipment/probe-instances.ts';
import { percentile } from './equipment/timed-load.ts';
import { tellFailures } from './equipment/traffic-figures.ts';
import { runTrial } from './equipment/trial.ts';

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '10' }, rate: { type: 'string', default: '300' } },
});
const awayMs = Number(values.minutes) * 60_000;
const BEFORE_MS = 10_000;
const AFTER_MS = 30_000;

await runTrial(`The registry away for ${values.minutes} minutes`, Number(values.minutes) + 4, async (trial) => {
  const rig = await startYardRig();
  trial.atEnd(() => rig.stop());
  const probes = new ProbeInstances(trial);
  const instances = [await probes.start('probe-1'), await probes.start('probe-1'), await probes.start('probe-1')];
  for (const one of instances) await rig.register(one.id, registrationOf(one));
  const startedAt = Date.now();
  const at = (): string => `${((Date.now() - startedAt) / 1_000).toFixed(0)} s`;
  // Only what may be repeated: an instance is killed under it.
  const traffic = startTraffic({
    origin: rig.origin,
    ratePerSecond: Number(values.rate),
    kinds: { get: 1 },
    streams: 0,
    sockets: 0,
  });
  const report = setInterval(
    () => trial.tell(`${traffic.counts().answered} answered, ${traffic.counts().failed} failed`),
    30_000,
  );
  const phase = (what: string): void => {
    const took = traffic.takeSamples().map(({ latencyMs }) => latencyMs);
    trial.figure(
      `latency ${what}`,
      `p50 ${percentile(took, 0.5).toFixed(1)} ms, p99 ${percentile(took, 0.99).toFixed(1)} ms`,
    );
  };
  await pause(BEFORE_MS);
  phase('before');
  rig.registry.signal('SIGKILL');
  trial.figure('registry killed', at());
  await pause(awayMs * 0.3);
  phase('without the registry');
  const victim = instances[1]!;
  victim.process.signal('SIGKILL');
  trial.figure('one of three instances killed', at());
  await pause(awayMs * 0.3);
  phase('without the registry and one instance');
  victim.process = (await probes.start('probe-1', victim.port)).process;
  trial.figure('it is back', at());
  const answeredBefore = traffic.counts();
  await pause(awayMs * 0.4);
  phase('without the registry, the instance back');
  const { port } = new URL(rig.registryUrl);
  const outputFile = path.join(rig.folder, 'registry.log');
  const registry = start({
    name: 'registry',
    command: [process.execPath, ...NODE_FLAGS, path.join(REPOSITORY, 'platform/registry/dist/main.js')],
    cwd: rig.folder,
    outputFile,
    env: {
      PORT: port,
      STATE_DIR: path.join(rig.folder, 'registry'),
      KEYS_DIR: path.join(rig.folder, 'keys'),
      OPERATOR_TOKEN_FILE: path.join(rig.folder, 'operator.token'),
      LOG_LEVEL: 'warn',
    },
  });
  await untilUp(registry, outputFile, () => answersOk(`${rig.registryUrl}/health/live`));
  trial.figure('registry back', at());
  const newcomer = await probes.start('probe-1');
  const registeredAt = performance.now();
  await rig.register(newcomer.id, registrationOf(newcomer));
  const followsAgainMs = performance.now() - registeredAt;
  await pause(AFTER_MS);
  clearInterval(report);
  phase('with the registry again');
  const result = await traffic.stop();
  tellFailures(trial, result.failures, startedAt);
  trial.figure('answered after the instance was back', result.answered - answeredBefore.answered);
  trial.figure('longest time without a good answer', `${result.longestGapMs.toFixed(0)} ms`);
  trial.promise('no added error', result.failed === 0, `${result.failed} of ${result.sent}`);
  trial.promise(
    'changes are followed again',
    true,
    `${followsAgainMs.toFixed(0)} ms from registering a fourth instance to routing to it`,
  );
});
