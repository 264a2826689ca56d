/** Measures the registry at scale: 10,000 leased instances, 100 watchers, changes at a steady rate. `node bench/dist/registry-scale.js` */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { request } from 'node:http';
import type { ClientRequest } from 'node:http';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { build } from 'hdr-histogram-js';
import { costOf } from './processes.ts';
import type { LoadReport, RegistryLoad } from './registry-load.ts';
import { machine, markdownTable } from './report.ts';

const SERVICES = 500;
const INSTANCES_PER_SERVICE = 20;
const LEASE_MS = 30_000;
const WATCHERS = 100;
const CHANGES_PER_SECOND = 20;
const WARM_UP_MS = 5_000;
const MEASURED_MS = 40_000;

const MAIN = path.resolve(import.meta.dirname, '../../platform/registry/dist/main.js');

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function startRegistry(port: number, folder: string): Promise<ChildProcess> {
  const registry = spawn(process.execPath, [MAIN], {
    env: { PORT: String(port), STATE_DIR: path.join(folder, 'state'), KEYS_DIR: folder, LOG_LEVEL: 'error' },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const isUp = await fetch(`http://127.0.0.1:${port}/health/ready`).then(
      (answer) => answer.ok,
      () => false,
    );
    if (isUp) return registry;
    await pause(100);
  }
  registry.kill('SIGKILL');
  throw new Error('the registry did not become ready within 10 s; is it built (npx tsc -b)?');
}

/** Sent times by mark, and what the watchers saw of them. */
class Measurement {
  readonly latencyMicros = build({ numberOfSignificantValueDigits: 3 });
  isMeasuring = false;
  private readonly sentAt = new Map<string, number>();
  private next = 0;

  mark(): string {
    const mark = `mark-${this.next}`;
    this.next += 1;
    this.sentAt.set(mark, performance.now());
    return mark;
  }

  saw(mark: string): void {
    const sentAt = this.sentAt.get(mark);
    if (sentAt !== undefined && this.isMeasuring)
      this.latencyMicros.recordValue(Math.max(1, Math.round((performance.now() - sentAt) * 1_000)));
  }
}

/** Only looks for marks, so that a hundred watchers in one process are not what is measured. */
function watch(port: number, measurement: Measurement): Promise<ClientRequest> {
  return new Promise((resolve, reject) => {
    const opened = request({ host: '127.0.0.1', port, path: '/v1/watch', agent: false }, (answer) => {
      let tail = '';
      answer.on('data', (chunk: Buffer) => {
        const text = tail + chunk.toString('latin1');
        let from = 0;
        for (const match of text.matchAll(/"(mark-\d+)"/g)) {
          measurement.saw(match[1]!);
          from = match.index + match[0].length;
        }
        tail = text.slice(Math.max(from, text.length - 40));
        resolve(opened);
      });
      answer.on('error', () => {});
    });
    opened.on('error', reject);
    opened.end();
  });
}

async function change(port: number, measurement: Measurement, index: number): Promise<void> {
  const service = `service-${index % SERVICES}`;
  const answer = await fetch(`http://127.0.0.1:${port}/v1/instances/changing-${index % SERVICES}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      service,
      port: 1_023,
      host: '10.1.2.3',
      leaseMs: 3_600_000,
      metadata: { mark: measurement.mark() },
    }),
  });
  await answer.arrayBuffer();
  if (!answer.ok) throw new Error(`a change was answered ${answer.status}`);
}

async function changeSteadily(port: number, measurement: Measurement, forMs: number): Promise<number> {
  const beganAt = performance.now();
  let made = 0;
  const running = new Set<Promise<void>>();
  while (performance.now() - beganAt < forMs) {
    const dueInMs = beganAt + (made * 1_000) / CHANGES_PER_SECOND - performance.now();
    if (dueInMs > 0) await pause(dueInMs);
    const one = change(port, measurement, made).finally(() => running.delete(one));
    running.add(one);
    made += 1;
  }
  await Promise.all(running);
  return made;
}

/** Most resident memory so far, MiB. */
async function peakMemoryMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'latin1').catch(() => '');
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024;
}

async function main(): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'registry-scale-'));
  const port = await freePort();
  const registry = await startRegistry(port, folder);
  const pid = registry.pid!;
  const load: RegistryLoad = {
    port,
    services: SERVICES,
    instancesPerService: INSTANCES_PER_SERVICE,
    leaseMs: LEASE_MS,
  };
  const worker = new Worker(new URL('./registry-load.js', import.meta.url), { workerData: load });
  try {
    let report: LoadReport = { registered: false, renewals: 0, failures: 0 };
    const beganAt = performance.now();
    await new Promise<void>((resolve, reject) => {
      worker.on('error', reject);
      worker.on('message', (message: LoadReport) => {
        report = message;
        if (message.registered) resolve();
      });
    });
    const registeredInS = (performance.now() - beganAt) / 1_000;
    const measurement = new Measurement();
    const watchers = await Promise.all(Array.from({ length: WATCHERS }, () => watch(port, measurement)));
    await changeSteadily(port, measurement, WARM_UP_MS);
    await pause(200);
    measurement.isMeasuring = true;
    const before = { ...costOf(pid), renewals: report.renewals, atMs: performance.now() };
    const changes = await changeSteadily(port, measurement, MEASURED_MS);
    await pause(200);
    const seconds = (performance.now() - before.atMs) / 1_000;
    const after = costOf(pid);
    const expected = changes * WATCHERS;
    const seen = measurement.latencyMicros.totalCount;
    console.log(`${machine()}\n`);
    console.log(
      markdownTable(
        ['registry', 'measured'],
        [
          ['leased instances / services', `${SERVICES * INSTANCES_PER_SERVICE} / ${SERVICES}`],
          ['renewals per second', (report.renewals - before.renewals) / seconds],
          ['watchers', WATCHERS],
          ['changes per second', changes / seconds],
          ['change to watcher, p50 (ms)', measurement.latencyMicros.getValueAtPercentile(50) / 1_000],
          ['change to watcher, p99 (ms)', measurement.latencyMicros.getValueAtPercentile(99) / 1_000],
          ['change to watcher, longest (ms)', measurement.latencyMicros.maxValue / 1_000],
          ['changes seen by watchers / expected', `${seen} / ${expected}`],
          ['failed renewals', report.failures],
          ['CPU of the registry (% of one core)', ((after.cpuSeconds - before.cpuSeconds) / seconds) * 100],
          ['memory of the registry (MiB)', after.memoryMiB],
          ['most memory (MiB)', await peakMemoryMiB(pid)],
          ['registering all of them (s)', registeredInS],
        ],
      ),
    );
    for (const watcher of watchers) watcher.destroy();
    if (seen !== expected || report.failures > 0) process.exitCode = 1;
  } finally {
    await worker.terminate();
    registry.kill('SIGTERM');
    await new Promise((resolve) => registry.once('exit', resolve));
    await rm(folder, { recursive: true, force: true });
  }
}

await main();
