/** The same probe under pm2 in cluster mode, swapped by `pm2 reload`. */
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { eventually, freePorts, run } from '@switchyard/e2e/yard-under-test';
import { deploymentAt, onStopSays, probeFolder } from './swap-storm-peers.ts';
import type { OnStop } from './swap-storm-peers.ts';
import type { Subject, SwapMoment } from './swap-storm-round.ts';

export const PM2_VERSION = '7.0.4';
/** Longer than the slowest answer and the idle time of a kept connection. */
const KILL_MS = 15_000;
const nowMs = () => performance.timeOrigin + performance.now();

/** Two instances (with one, a reload has none to serve meanwhile), each waited for until it says that it is ready. */
export async function openPm2(onStop: OnStop): Promise<Subject> {
  const at = await probeFolder({ onStop });
  const [port] = (await freePorts(1)) as [number];
  const origin = `http://127.0.0.1:${port}`;
  await writeFile(path.join(at.folder, 'package.json'), '{"private":true}');
  const installed = await run('npm', ['install', '--no-audit', '--no-fund', `pm2@${PM2_VERSION}`], at.folder);
  if (installed.code !== 0) throw new Error(`pm2 could not be installed: ${installed.stderr}`);
  await writeFile(
    path.join(at.folder, 'probe.config.cjs'),
    `module.exports = { apps: [{
      name: 'probe', script: 'probe.mjs', exec_mode: 'cluster', instances: 2, wait_ready: true,
      listen_timeout: 10000, kill_timeout: ${KILL_MS},
      env: { HOST: '127.0.0.1', PORT: '${port}', PROBE_COUNTS: ${JSON.stringify(at.countsFile)}, DEPLOYMENT_ID: process.env.DEPLOYMENT_ID },
    }] };`,
  );
  let number = 1;
  const pm2 = async (...words: string[]) => {
    const { code, stdout, stderr } = await run(process.execPath, ['node_modules/pm2/bin/pm2', ...words], at.folder, {
      ...process.env,
      PATH: `${path.dirname(process.execPath)}${path.delimiter}${process.env['PATH'] ?? ''}`,
      PM2_HOME: path.join(at.folder, 'pm2'),
      DEPLOYMENT_ID: `probe-${number}`,
    });
    if (code !== 0) throw new Error(`pm2 ${words.join(' ')} ended with ${code}:\n${stdout}${stderr}`);
  };
  const close = async () => {
    await pm2('kill');
    await rm(at.folder, { recursive: true, force: true });
  };
  try {
    await pm2('start', 'probe.config.cjs');
    await eventually('pm2 serves', async () => (await deploymentAt(`${origin}/health`)) === 'probe-1');
  } catch (error) {
    await close();
    throw error;
  }
  return {
    name: `pm2 ${PM2_VERSION}, reload, 2 instances, ${onStopSays[onStop]}`,
    origin,
    prefix: '',
    countsFile: at.countsFile,
    order: 'any',
    async swap(): Promise<SwapMoment> {
      number += 1;
      const startedAtMs = nowMs();
      await pm2('reload', 'probe.config.cjs', '--update-env');
      const endedAtMs = nowMs();
      return { startedAtMs, switchedAtMs: startedAtMs, endedAtMs };
    },
    close,
  };
}
