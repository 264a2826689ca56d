/** wrk, curl, Chromium and a WebSocket client through the gateway at the same time, for minutes: what each of them counted. `--seconds 120` */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs, promisify } from 'node:util';
import { eventually, REPOSITORY } from '@switchyard/e2e/yard-under-test';
import { start } from '../gateway/started-process.ts';
import { startYardRig } from '../gateway/yard-rig.ts';
import type { YardRig } from '../gateway/yard-rig.ts';
import { heldBy, watchPeak } from './equipment/process-watch.ts';
import { TrialService } from './equipment/trial-service.ts';
import type { Trial } from './equipment/trial.ts';
import { runTrial } from './equipment/trial.ts';

const run = promisify(execFile);
const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const WRK_CONNECTIONS = 8;
/** wrk takes what it gets; a share of the time is left to the others. */
const WRK_ON_SECONDS = 10;
const CURL_EACH_MS = 200;

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '120' } } });
const seconds = Number(values.seconds);

interface BrowserCounts {
  readonly fetches: number;
  readonly uploads: number;
  readonly downloads: number;
  readonly events: number;
  readonly messages: number;
  readonly failed: number;
  readonly faults: readonly string[];
}

async function browse(trial: Trial, rig: YardRig, service: TrialService): Promise<void> {
  if (!existsSync(CHROMIUM)) return trial.figure('Chromium', 'not there');
  const one = start({
    name: 'chromium',
    command: [
      CHROMIUM,
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--no-first-run',
      '--disable-background-networking',
      `--user-data-dir=${trial.folder}/chromium`,
      '--remote-debugging-port=0',
      `${rig.origin}/page?seconds=${seconds}`,
    ],
    cwd: trial.folder,
    outputFile: path.join(trial.folder, 'chromium.log'),
  });
  const said = await eventually(
    'the browser reports',
    async () => (await service.reported()) || null,
    (seconds + 60) * 1_000,
  ).catch(() => '');
  await one.stop();
  const counts = (said === '' ? null : JSON.parse(said)) as BrowserCounts | null;
  if (counts !== null)
    trial.figure(
      'Chromium',
      `${counts.fetches} fetches, ${counts.uploads} uploads of 1 MB, ${counts.downloads} downloads of 3 MB, ${counts.events} events, ${counts.messages} WebSocket messages`,
    );
  trial.promise(
    'Chromium: nothing failed',
    counts !== null && counts.failed === 0 && counts.events > seconds,
    counts === null ? 'it reported nothing' : `${counts.failed} failed ${counts.faults.join(', ')}`,
  );
}

async function runWrk(trial: Trial, rig: YardRig, endsAt: number): Promise<void> {
  let requests = 0;
  const faults: string[] = [];
  while (performance.now() < endsAt) {
    const { stdout } = await run(
      'wrk',
      ['-t', '1', '-c', String(WRK_CONNECTIONS), '-d', `${WRK_ON_SECONDS}s`, `${rig.origin}/sleep`],
      { timeout: 60_000 },
    );
    requests += Number(/(\d+) requests in/.exec(stdout)?.[1] ?? 0);
    faults.push(...(stdout.match(/Socket errors:.*|Non-2xx.*/g) ?? []));
    await pause(WRK_ON_SECONDS * 500);
  }
  trial.figure('wrk', `${requests} requests on ${WRK_CONNECTIONS} connections`);
  trial.promise('wrk: nothing failed', faults.length === 0 && requests > 0, faults.join('; ') || 'no error');
}

/** A new process and a new connection each time; by turns GET, POST with Expect, chunked upload, HEAD, two at once on one connection. */
async function runCurl(trial: Trial, rig: YardRig, endsAt: number): Promise<void> {
  const turns = [
    [`${rig.origin}/sleep`],
    ['--data-binary', 'x'.repeat(2_000), '-H', 'expect: 100-continue', `${rig.origin}/sink`],
    ['--data-binary', 'x'.repeat(20_000), '-H', 'transfer-encoding: chunked', `${rig.origin}/sink`],
    ['-I', `${rig.origin}/sleep`],
    [`${rig.origin}/big?bytes=500000`, '-o', '/dev/null', `${rig.origin}/big?bytes=700000&chunked=yes`],
    ['-0', `${rig.origin}/sleep`],
  ];
  let calls = 0;
  const faults: string[] = [];
  while (performance.now() < endsAt) {
    const words = ['-sS', '--fail', '-m', '20', '-o', '/dev/null', ...turns[calls % turns.length]!];
    calls += 1;
    await run('curl', words).catch((error: Error) => faults.push(error.message));
    await pause(CURL_EACH_MS);
  }
  trial.figure('curl', `${calls} calls`);
  trial.promise('curl: nothing failed', faults.length === 0, `${faults.length} failed ${faults.slice(0, 2).join(' ')}`);
}

/** The client that Node.js brings. */
async function runSocket(trial: Trial, rig: YardRig, endsAt: number): Promise<void> {
  const socket = new WebSocket(`${rig.origin.replace('http', 'ws')}/socket`);
  let n = 0;
  let wrong = 0;
  const ended = new Promise<number>((resolve) => socket.addEventListener('close', ({ code }) => resolve(code)));
  socket.addEventListener('open', () => socket.send('message 0'));
  socket.addEventListener('message', ({ data }) => {
    if (data !== `message ${n}`) wrong += 1;
    n += 1;
    if (performance.now() < endsAt) setTimeout(() => socket.send(`message ${n}`), 10);
    else socket.close(1000);
  });
  const code = await ended;
  trial.figure('WebSocket of Node.js', `${n} messages on one connection`);
  trial.promise(
    'WebSocket: every message came back',
    wrong === 0 && code === 1000 && n > seconds,
    `${wrong} wrong, closed with ${code}`,
  );
}

await runTrial(`Tools of others, together for ${seconds} s`, seconds / 60 + 4, async (trial) => {
  const pageFile = path.join(REPOSITORY, 'bench/src/trials/browser-page.html');
  const [service] = (await TrialService.startAll(trial, 1, { PAGE_FILE: pageFile })) as [TrialService];
  const rig = await startYardRig();
  trial.atEnd(() => rig.stop());
  await rig.register(service.name, { service: 'trial', port: service.port, routes: ['/'] });
  const rest = heldBy(rig.gateway.pid);
  const peakOf = watchPeak(rig.gateway.pid);
  const endsAt = performance.now() + seconds * 1_000;
  await Promise.all([
    browse(trial, rig, service),
    runWrk(trial, rig, endsAt),
    runCurl(trial, rig, endsAt),
    runSocket(trial, rig, endsAt),
  ]);
  const peak = peakOf();
  await pause(3_000);
  const after = heldBy(rig.gateway.pid);
  trial.figure(
    'the gateway',
    `${rest.residentMiB.toFixed(0)} MiB and ${rest.descriptors} descriptors before, ${peak.kernelMiB.toFixed(0)} MiB at most, ${after.residentMiB.toFixed(0)} MiB and ${after.descriptors} descriptors after`,
  );
});
