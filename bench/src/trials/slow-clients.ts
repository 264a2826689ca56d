/** A thousand slow clients (slowhttptest: heads, bodies, ranges, readers) beside others, who must not notice. `--modes headers,body,range,read --seconds 60 --connections 1000` */
import { execFile } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs, promisify } from 'node:util';
import { startYardRig } from '../gateway/yard-rig.ts';
import type { YardRig } from '../gateway/yard-rig.ts';
import { heldBy } from './equipment/process-watch.ts';
import { byAnswer, percentile, timedLoad } from './equipment/timed-load.ts';
import type { TimedRequest } from './equipment/timed-load.ts';
import { TrialService } from './equipment/trial-service.ts';
import type { Trial } from './equipment/trial.ts';
import { runTrial } from './equipment/trial.ts';

const RATE = 200;
const QUIET_SECONDS = 15;
/** Of the 99th percentile: what a busy machine adds by itself. */
const P99_RATIO_MAX = 2;
const P99_SLACK_MS = 10;
const MEMORY_MAX_KIB = 256;
const READ_BYTES = 4_000_000;

const MODES = {
  headers: { says: 'slow heads (-H)', words: ['-H', '-i', '10'], path: '/sleep' },
  body: { says: 'slow bodies (-B)', words: ['-B', '-i', '10', '-s', '8192', '-x', '10'], path: '/sink' },
  range: { says: 'ranges (-R)', words: ['-R', '-a', '5', '-b', '2000'], path: '/sleep' },
  read: {
    says: 'slow readers (-X)',
    words: ['-X', '-n', '5', '-w', '512', '-y', '1024', '-z', '32'],
    path: `/big?bytes=${READ_BYTES}`,
  },
} as const;
type Mode = keyof typeof MODES;

const { values } = parseArgs({
  options: {
    modes: { type: 'string', default: Object.keys(MODES).join(',') },
    seconds: { type: 'string', default: '60' },
    connections: { type: 'string', default: '1000' },
    settings: { type: 'string', default: '{}' },
  },
});
const seconds = Number(values.seconds);
const connections = Number(values.connections);
const p99Of = (requests: readonly TimedRequest[]): number =>
  percentile(
    requests.map(({ tookMs }) => tookMs),
    0.99,
  );
const p50Of = (requests: readonly TimedRequest[]): number =>
  percentile(
    requests.map(({ tookMs }) => tookMs),
    0.5,
  );

/** Connections that are open at the door. */
async function openAt(rig: YardRig): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${rig.adminPort}/health`, { signal: AbortSignal.timeout(2_000) });
  const { workers } = (await answer.json()) as { readonly workers: readonly { readonly connections: number | null }[] };
  return workers.reduce((sum, one) => sum + (one.connections ?? 0), 0);
}

async function suffer(
  trial: Trial,
  rig: YardRig,
  servicePort: number,
  mode: Mode,
  quiet: readonly TimedRequest[],
): Promise<void> {
  const { says, words, path } = MODES[mode];
  const rest = heldBy(rig.gateway.pid);
  const load = timedLoad({ port: rig.port, path: '/sleep', ratePerSecond: RATE, seconds: seconds + 5 });
  // What the machine does to whoever does not come through the gateway.
  const control = timedLoad({ port: servicePort, path: '/sleep', ratePerSecond: RATE, seconds: seconds + 5 });
  const open: { atMs: number; count: number }[] = [];
  let peak = rest;
  const startedAt = performance.now();
  const sampler = setInterval(() => {
    const now = heldBy(rig.gateway.pid);
    if (now.privateMiB > peak.privateMiB) peak = now;
    void openAt(rig).then(
      (count) => open.push({ atMs: performance.now() - startedAt, count }),
      () => undefined,
    );
  }, 1_000);
  const all = [
    '-c',
    String(connections),
    '-r',
    '200',
    '-l',
    String(seconds),
    '-p',
    '3',
    '-u',
    `${rig.origin}${path}`,
    ...words,
  ];
  const attack = promisify(execFile)('slowhttptest', all, {
    timeout: (seconds + 30) * 1_000,
    maxBuffer: 2 ** 26,
  }).catch((error: Error & { stdout?: string }) => ({
    stdout: error.stdout ?? String(error),
  }));
  const { requests, wrong } = await load;
  const direct = (await control).requests;
  const { stdout } = await attack;
  clearInterval(sampler);
  const plain = stdout.replaceAll(/\u001b\[[0-9;]*m/g, '');
  const last = (name: string): string =>
    plain
      .match(new RegExp(`${name}:\\s+(\\S+)`, 'g'))
      ?.at(-1)
      ?.replace(/\s+/g, ' ') ?? `${name}: ?`;
  const exit = /Exit status:\s*(.+)/.exec(plain)?.[1] ?? 'unknown';
  const most = open.reduce((found, one) => (one.count > found.count ? one : found), { atMs: 0, count: 0 });
  // The load has connections of its own; below a tenth of the slow ones, most of these were cut off.
  const own = 64 + 10;
  const cleared = open.find(({ atMs, count }) => atMs > most.atMs && count <= own + connections / 10);
  const failed = requests.filter(({ status }) => status !== 200);
  trial.tell(`${says}: ${exit}; p99 ${p99Of(requests).toFixed(1)} ms`);
  trial.figure(
    `${says}: the slow ones`,
    `${most.count} connections at most, ${cleared === undefined ? `${open.at(-1)?.count ?? 0} at the end` : `gone after ${(cleared.atMs / 1_000).toFixed(0)} s`}; slowhttptest: ${last('closed')}, ${last('service available')}, ${exit}`,
  );
  trial.figure(
    `${says}: others`,
    `p50 ${p50Of(requests).toFixed(2)} ms (quiet ${p50Of(quiet).toFixed(2)}), p99 ${p99Of(requests).toFixed(2)} ms (quiet ${p99Of(quiet).toFixed(2)}); at the same time past the gateway p50 ${p50Of(direct).toFixed(2)}, p99 ${p99Of(direct).toFixed(2)} ms`,
  );
  trial.promise(
    `${says}: no other client fails`,
    failed.length === 0,
    `${failed.length} of ${requests.length} ${byAnswer(failed)} ${[...wrong].join(' ')}`,
  );
  trial.promise(
    `${says}: p99 of others`,
    p99Of(requests) <= Math.max(p99Of(quiet), p99Of(direct)) * P99_RATIO_MAX + P99_SLACK_MS,
    `${(p99Of(requests) / p99Of(quiet)).toFixed(2)} times the quiet one`,
  );
  const kib = ((peak.privateMiB - rest.privateMiB) * 1_024) / connections;
  trial.promise(
    `${says}: memory`,
    kib <= MEMORY_MAX_KIB,
    `${rest.privateMiB.toFixed(1)} MiB, at most ${peak.privateMiB.toFixed(1)}: ${kib.toFixed(1)} KiB for each slow client`,
  );
  await pause(3_000);
}

await runTrial(`${connections} slow clients`, 8, async (trial) => {
  const [service] = (await TrialService.startAll(trial, 1)) as [TrialService];
  const rig = await startYardRig({ settings: JSON.parse(values.settings) as Record<string, unknown> });
  trial.atEnd(() => rig.stop());
  await rig.register(service.name, { service: 'trial', port: service.port, routes: ['/'] });
  await timedLoad({ port: rig.port, path: '/sleep', ratePerSecond: RATE, seconds: 3 });
  for (const mode of values.modes.split(',') as Mode[]) {
    // Beside each: what else the machine does changes.
    const { requests } = await timedLoad({
      port: rig.port,
      path: '/sleep',
      ratePerSecond: RATE,
      seconds: QUIET_SECONDS,
    });
    await suffer(trial, rig, service.port, mode, requests);
  }
  trial.figure('settings', values.settings);
});
