/** One of five instances becomes ten times slower: the 99th percentile beside that of five healthy ones, and beside nginx that takes turns. `--rounds 3 --rate 500` */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { freePorts } from '@switchyard/e2e/yard-under-test';
import { accepts, start, untilUp } from '../gateway/started-process.ts';
import { NGINX_HEAD, NGINX_HTTP, nginxWords } from '../gateway/upstream.ts';
import { startYardRig } from '../gateway/yard-rig.ts';
import { median } from '../report.ts';
import { byAnswer, percentile, timedLoad } from './equipment/timed-load.ts';
import { TrialService } from './equipment/trial-service.ts';
import type { Trial } from './equipment/trial.ts';
import { runTrial } from './equipment/trial.ts';

const DELAY_MS = 20;
const JITTER_MS = 4;
const TIMES_SLOWER = 10;
const SECONDS = 12;
const RATIO_MAX = 1.5;

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, rate: { type: 'string', default: '500' } },
});

await runTrial('One of five instances ten times slower', 10, async (trial) => {
  const all = await TrialService.startAll(trial, 5, { DELAY_MS: String(DELAY_MS), JITTER_MS: String(JITTER_MS) });
  const rig = await startYardRig();
  trial.atEnd(() => rig.stop());
  for (const one of all) await rig.register(one.name, { service: 'trial', port: one.port, routes: ['/'] });
  const nginxPort = await startNginx(
    trial,
    all.map(({ port }) => port),
  );
  const slow = all[2]!;
  const measure = async (port: number, isOneSlow: boolean) => {
    // It becomes slow when the load is there: what has to be found out counts.
    await slow.set({ delayMs: DELAY_MS, jitterMs: JITTER_MS });
    const running = timedLoad({
      port,
      path: '/sleep',
      ratePerSecond: Number(values.rate),
      seconds: SECONDS,
      connections: 128,
    });
    const beforeSlow = await slow.counts();
    if (isOneSlow) await slow.set({ delayMs: DELAY_MS * TIMES_SLOWER, jitterMs: JITTER_MS * TIMES_SLOWER });
    const { requests } = await running;
    const failed = requests.filter(({ status }) => status !== 200);
    if (failed.length > 0) throw new Error(`failed: ${byAnswer(failed)}`);
    const took = requests.map(({ tookMs }) => tookMs);
    return {
      p50: percentile(took, 0.5),
      p99: percentile(took, 0.99),
      share: ((await slow.counts()).requests - beforeSlow.requests) / requests.length,
    };
  };
  await measure(rig.port, false);
  const rounds: Record<
    'own' | 'nginx',
    { healthy: number; slow: number; ratio: number; share: number; p50: number }[]
  > = { own: [], nginx: [] };
  for (let round = 1; round <= Number(values.rounds); round += 1) {
    for (const [name, port] of [
      ['own', rig.port],
      ['nginx', nginxPort],
    ] as const) {
      const healthy = await measure(port, false);
      const withSlow = await measure(port, true);
      rounds[name].push({
        healthy: healthy.p99,
        slow: withSlow.p99,
        ratio: withSlow.p99 / healthy.p99,
        share: withSlow.share,
        p50: withSlow.p50,
      });
      trial.tell(
        `${name}: p99 ${healthy.p99.toFixed(1)} ms healthy, ${withSlow.p99.toFixed(1)} ms with a slow one, which got ${(withSlow.share * 100).toFixed(1)} %`,
      );
    }
  }
  trial.figure(
    'load',
    `${values.rate} GETs a second; instances that answer in ${DELAY_MS - JITTER_MS} to ${DELAY_MS + JITTER_MS} ms, one of them in ten times that, from the first request on`,
  );
  const middle = (name: 'own' | 'nginx', pick: (round: (typeof rounds)['own'][number]) => number) =>
    median(rounds[name].map(pick));
  for (const name of ['own', 'nginx'] as const)
    trial.figure(
      name === 'own' ? 'Switchyard' : 'nginx, round robin',
      `p99 ${middle(name, ({ healthy }) => healthy).toFixed(1)} ms healthy, ${middle(name, ({ slow: one }) => one).toFixed(1)} ms with a slow one: ${middle(name, ({ ratio }) => ratio).toFixed(2)} times (${rounds[name].map(({ ratio }) => ratio.toFixed(2)).join(', ')}); the slow one got ${(middle(name, ({ share }) => share) * 100).toFixed(1)} %`,
    );
  const ratio = middle('own', (round) => round.ratio);
  trial.promise(
    `p99 within ${RATIO_MAX} times that of healthy instances`,
    ratio <= RATIO_MAX,
    `${ratio.toFixed(2)} times`,
  );
});

/** Round robin, without its own passing over of failed servers: none fails. */
async function startNginx(trial: Trial, ports: readonly number[]): Promise<number> {
  const [port] = (await freePorts(1)) as [number];
  const home = path.join(trial.folder, 'nginx');
  await mkdir(home);
  await writeFile(
    path.join(home, 'nginx.conf'),
    `${NGINX_HEAD}http {
  access_log off;
  ${NGINX_HTTP}
  upstream service {
${ports.map((one) => `    server 127.0.0.1:${one};\n`).join('')}    keepalive 256;
  }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / { proxy_pass http://service; proxy_http_version 1.1; proxy_set_header Connection ""; }
  }
}
`,
  );
  const outputFile = path.join(home, 'output.log');
  const one = start({ name: 'nginx', command: ['nginx', ...nginxWords(home)], cwd: home, outputFile });
  await untilUp(one, outputFile, () => accepts(port));
  return port;
}
