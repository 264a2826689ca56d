/** One of three instances is killed, or hangs, at 1,000 requests a second: no failed idempotent request, and left out within a second. `--rate 1000` */
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startYardRig } from '../gateway/yard-rig.ts';
import { inPrivateNetwork, refusedConnections } from './equipment/private-network.ts';
import { byAnswer, inMs, percentile, timedLoad } from './equipment/timed-load.ts';
import { TrialService } from './equipment/trial-service.ts';
import { runTrial } from './equipment/trial.ts';

const SECONDS = 16;
const DOWN_AFTER_MS = 4_000;
const DOWN_MS = 6_000;
const TIMEOUT_MS = 2_000;
const HEDGE_AFTER_MS = 100;
const SAMPLE_MS = 20;
const QUIET_MS = 300;
const EJECTED_WITHIN_MS = 1_000;
const ROUNDS = 3;

const { values } = parseArgs({ options: { rate: { type: 'string', default: '1000' } } });
const ratePerSecond = Number(values.rate);

await inPrivateNetwork();
await runTrial('One of three instances', 6, async (trial) => {
  const all = await TrialService.startAll(trial, 3, { DELAY_MS: '5', JITTER_MS: '2' });
  const rig = await startYardRig();
  trial.atEnd(() => rig.stop());
  const registerAll = async (route: object): Promise<void> => {
    for (const one of all)
      await rig.register(one.name, {
        service: 'trial',
        port: one.port,
        routes: [{ path: '/', timeoutMs: TIMEOUT_MS, ...route }],
      });
  };
  const victim = all[1]!;
  const load = (seconds: number) =>
    timedLoad({
      port: rig.port,
      path: '/sleep',
      ratePerSecond,
      seconds,
      connections: 256,
      methods: ['GET', 'GET', 'GET', 'DELETE'],
    });
  await registerAll({});
  await load(3);

  for (let round = 1; round <= ROUNDS; round += 1) {
    const running = load(SECONDS);
    await pause(DOWN_AFTER_MS);
    const refused: { atMs: number; count: number }[] = [];
    let last = refusedConnections();
    const sampler = setInterval(() => {
      const now = refusedConnections();
      if (now > last) refused.push({ atMs: performance.now(), count: now - last });
      last = now;
    }, SAMPLE_MS);
    const killedAt = performance.now();
    victim.signal('SIGKILL');
    await pause(DOWN_MS);
    clearInterval(sampler);
    await victim.start();
    const { requests, wrong } = await running;
    // It is left out from the first stretch on in which nobody tries it.
    let lastTryAt = killedAt;
    for (const { atMs } of refused) {
      if (atMs - lastTryAt > QUIET_MS) break;
      lastTryAt = atMs;
    }
    const failed = requests.filter(({ status }) => status !== 200);
    const tries = refused.reduce((sum, { count }) => sum + count, 0);
    const servedAgain = (await victim.counts()).requests;
    trial.promise(
      `killed, round ${round}: no failed idempotent request`,
      failed.length === 0,
      `${failed.length} of ${requests.length}${failed.length === 0 ? '' : ` (${byAnswer(failed)}; ${[...wrong].join(' ')})`}`,
    );
    trial.promise(
      `killed, round ${round}: left out within 1 s`,
      lastTryAt - killedAt <= EJECTED_WITHIN_MS,
      `after ${(lastTryAt - killedAt).toFixed(0)} ms; ${tries} tries in ${DOWN_MS / 1_000} s`,
    );
    trial.figure(`killed, round ${round}: answered by it after its return`, servedAgain);
  }

  for (const [says, route] of [
    [`hung, timeoutMs ${TIMEOUT_MS}`, {}],
    [`hung, hedgeAfterMs ${HEDGE_AFTER_MS}`, { hedgeAfterMs: HEDGE_AFTER_MS }],
  ] as const) {
    await registerAll(route);
    const running = load(SECONDS);
    await pause(DOWN_AFTER_MS);
    const hungAt = performance.now();
    victim.signal('SIGSTOP');
    await pause(DOWN_MS);
    const backAt = performance.now();
    victim.signal('SIGCONT');
    const { requests, wrong } = await running;
    const during = requests.filter(({ sentAtMs }) => sentAtMs >= hungAt && sentAtMs < backAt);
    const failed = requests.filter(({ status }) => status !== 200);
    const lastFailed = Math.max(0, ...failed.map(({ sentAtMs }) => sentAtMs - hungAt));
    const slow = during.filter(({ tookMs }) => tookMs > 50);
    trial.figure(
      `${says}: answers`,
      `${byAnswer(requests)}${failed.length === 0 ? '' : `, the last failed one sent ${lastFailed.toFixed(0)} ms after it hung`}; p99 meanwhile ${inMs(
        percentile(
          during.map(({ tookMs }) => tookMs),
          0.99,
        ),
      )}; ${slow.length} took more than 50 ms ${[...wrong].join(' ')}`,
    );
    trial.promise(
      `${says}: left out within 1 s of the first time-out`,
      lastFailed <= TIMEOUT_MS + EJECTED_WITHIN_MS,
      `${failed.length} of ${during.length} failed`,
    );
    if ('hedgeAfterMs' in route)
      trial.promise(
        `${says}: no failed GET`,
        failed.every(({ method }) => method === 'DELETE'),
        byAnswer(failed.filter(({ method }) => method !== 'DELETE')) || 'none',
      );
  }
});
