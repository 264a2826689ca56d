/** The gateway itself stands still for four seconds (a paused machine, a throttled container) under load: nobody else is blamed for it. */
import { setTimeout as pause } from 'node:timers/promises';
import { startYardRig } from '../gateway/yard-rig.ts';
import { byAnswer, inMs, percentile, timedLoad } from './equipment/timed-load.ts';
import { TrialService } from './equipment/trial-service.ts';
import { runTrial } from './equipment/trial.ts';

const RATE = 300;
const SECONDS = 14;
const STILL_MS = 4_000;
/** Shorter than it stands still: what is under way then is over its time by the clock. */
const TIMEOUT_MS = 1_000;
const BEFORE_MS = 4_000;

await runTrial('The gateway stands still', 3, async (trial) => {
  const all = await TrialService.startAll(trial, 3, { DELAY_MS: '200', JITTER_MS: '20' });
  const rig = await startYardRig();
  trial.atEnd(() => {
    rig.gateway.signal('SIGCONT');
    return rig.stop();
  });
  for (const one of all)
    await rig.register(one.name, { service: 'trial', port: one.port, routes: [{ path: '/', timeoutMs: TIMEOUT_MS }] });
  const running = timedLoad({
    port: rig.port,
    path: '/sleep',
    ratePerSecond: RATE,
    seconds: SECONDS,
    connections: 256,
  });
  await pause(BEFORE_MS);
  const stoppedAt = performance.now();
  rig.gateway.signal('SIGSTOP');
  await pause(STILL_MS);
  rig.gateway.signal('SIGCONT');
  const { requests, wrong } = await running;
  const failed = requests.filter(({ status }) => status !== 200);
  const after = requests.filter(({ sentAtMs }) => sentAtMs > stoppedAt + STILL_MS).map(({ tookMs }) => tookMs);
  trial.figure(
    'load',
    `${RATE} GETs a second, answered in 200 ms, timeoutMs ${TIMEOUT_MS}; stopped for ${STILL_MS / 1_000} s`,
  );
  trial.figure('afterwards', `p50 ${inMs(percentile(after, 0.5))}, p99 ${inMs(percentile(after, 0.99))}`);
  trial.promise(
    'no request fails',
    failed.length === 0,
    `${failed.length} of ${requests.length} ${byAnswer(failed)} ${[...wrong].join(' ')}`,
  );
});
