/** The same probe, swapped as people do without a yard: by a plain restart, and by a script that rewrites nginx's upstream and reloads it. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { writeProbe } from '@switchyard/e2e/traffic/probe-files';
import type { ProbeSettings } from '@switchyard/e2e/traffic/probe-files';
import { eventually, freePorts, run } from '@switchyard/e2e/yard-under-test';
import type { Subject, SwapMoment } from './swap-storm-round.ts';

const STOP_MS = 20_000;
const nowMs = () => performance.timeOrigin + performance.now();

/** A folder with a probe in it, and where its deployments count. */
export async function probeFolder(settings: ProbeSettings): Promise<{ folder: string; countsFile: string }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'swap-storm-'));
  await writeProbe(folder, settings);
  return { folder, countsFile: path.join(folder, 'counts.log') };
}

/** The deployment that answers on a new connection. */
export function deploymentAt(url: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false, timeout: 2_000 }, (response) => {
      response.resume();
      response.once('end', () => resolve(response.headers['x-deployment'] as string | undefined));
    })
      .once('error', reject)
      .once('timeout', function timedOut(this: { destroy: (error: Error) => void }) {
        this.destroy(new Error('no answer'));
      });
  });
}

class ProbeProcess {
  private readonly child: ChildProcess;
  private readonly ended: Promise<void>;

  constructor(at: { folder: string; countsFile: string }, port: number, deployment: string) {
    this.child = spawn(process.execPath, ['probe.mjs'], {
      cwd: at.folder,
      stdio: 'ignore',
      env: {
        ...process.env,
        HOST: '127.0.0.1',
        PORT: String(port),
        DEPLOYMENT_ID: deployment,
        PROBE_COUNTS: at.countsFile,
      },
    });
    this.ended = new Promise((resolve) => this.child.once('exit', () => resolve()));
  }

  /** SIGTERM, and SIGKILL after 20 s. */
  async stop(): Promise<void> {
    this.child.kill('SIGTERM');
    const hasten = setTimeout(() => this.child.kill('SIGKILL'), STOP_MS);
    await this.ended;
    clearTimeout(hasten);
  }

  kill(): Promise<void> {
    this.child.kill('SIGKILL');
    return this.ended;
  }
}

/** How the service takes SIGTERM: it finishes what it has begun, or ends at once. */
export type OnStop = 'graceful' | 'exit';
export const onStopSays: Readonly<Record<OnStop, string>> = {
  graceful: 'service ends gracefully',
  exit: 'service ends at once',
};

/** Stop, start, wait until it is healthy. */
export async function openRestart(onStop: OnStop): Promise<Subject> {
  const at = await probeFolder({ onStop });
  const [port] = (await freePorts(1)) as [number];
  const origin = `http://127.0.0.1:${port}`;
  let number = 1;
  const start = async () => {
    const deployment = `probe-${number++}`;
    const started = new ProbeProcess(at, port, deployment);
    await eventually('it is healthy', async () => (await deploymentAt(`${origin}/health`)) === deployment);
    return started;
  };
  let running = await start();
  return {
    name: `restart, ${onStopSays[onStop]}`,
    origin,
    prefix: '',
    countsFile: at.countsFile,
    order: 'forwards',
    async swap(): Promise<SwapMoment> {
      const startedAtMs = nowMs();
      await running.stop();
      running = await start();
      const endedAtMs = nowMs();
      return { startedAtMs, switchedAtMs: startedAtMs, endedAtMs };
    },
    async close() {
      await running.kill();
      await rm(at.folder, { recursive: true, force: true });
    },
  };
}

/**
 * Start the new one on the other port, wait until it is healthy, rewrite the upstream, reload, wait until a new connection is answered by
 * the new one, stop the old one. nginx keeps connections to the service open and streams both ways.
 */
export async function openNginx(onStop: OnStop): Promise<Subject> {
  const at = await probeFolder({ onStop });
  const program = await nginxProgram(at.folder);
  const [door, ...sides] = (await freePorts(3)) as [number, number, number];
  const origin = `http://127.0.0.1:${door}`;
  const configuration = path.join(at.folder, 'nginx.conf');
  const words = ['-p', `${at.folder}/`, '-c', configuration, '-e', path.join(at.folder, 'error.log')];
  let number = 1;
  const start = async (): Promise<{ probe: ProbeProcess; port: number; deployment: string }> => {
    const port = sides[number % 2]!;
    const deployment = `probe-${number++}`;
    const probe = new ProbeProcess(at, port, deployment);
    await eventually(
      'it is healthy',
      async () => (await deploymentAt(`http://127.0.0.1:${port}/health`)) === deployment,
    );
    return { probe, port, deployment };
  };
  let running = await start();
  await writeFile(configuration, nginxConfiguration(door, running.port));
  const nginx = spawn(program, words, { stdio: 'ignore' });
  const ended = new Promise((resolve) => nginx.once('exit', resolve).once('error', resolve));
  const isAnsweredBy = (deployment: string) =>
    eventually('nginx has switched', async () => (await deploymentAt(`${origin}/get?n=1`)) === deployment);
  await isAnsweredBy(running.deployment);
  return {
    name: `nginx, reload, ${onStopSays[onStop]}`,
    origin,
    prefix: '',
    countsFile: at.countsFile,
    order: 'forwards',
    async swap(): Promise<SwapMoment> {
      const startedAtMs = nowMs();
      const before = running;
      running = await start();
      await writeFile(configuration, nginxConfiguration(door, running.port));
      const switchedAtMs = nowMs();
      const { code, stderr } = await run(program, [...words, '-s', 'reload'], at.folder);
      if (code !== 0) throw new Error(`nginx -s reload ended with ${code}: ${stderr}`);
      await isAnsweredBy(running.deployment);
      await before.probe.stop();
      return { startedAtMs, switchedAtMs, endedAtMs: nowMs() };
    },
    async close() {
      nginx.kill('SIGTERM');
      await ended;
      await running.probe.kill();
      await rm(at.folder, { recursive: true, force: true });
    },
  };
}

/** The machine's nginx; without one, Debian's package unpacked into the folder, not installed. */
async function nginxProgram(folder: string): Promise<string> {
  const found = await run('sh', ['-c', 'command -v nginx || ls /usr/sbin/nginx'], folder);
  if (found.code === 0) return found.stdout.trim();
  const downloaded = await run('apt-get', ['download', 'nginx'], folder);
  if (downloaded.code !== 0)
    throw new Error(`there is no nginx, and apt-get download nginx says: ${downloaded.stderr}`);
  const archive = (await readdir(folder)).find((name) => /^nginx_.*\.deb$/.test(name))!;
  await run('dpkg', ['-x', archive, 'nginx'], folder);
  return path.join(folder, 'nginx/usr/sbin/nginx');
}

function nginxConfiguration(door: number, port: number): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `  ${kind}_temp_path ${kind}_temp;\n`,
  );
  return `${userInfo().uid === 0 ? 'user root;\n' : ''}worker_processes 2;
daemon off;
pid nginx.pid;
events { worker_connections 4096; }
http {
  access_log off;
${temporary.join('')}  keepalive_requests 1000000;
  map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
  upstream probe {
    server 127.0.0.1:${port};
    keepalive 128;
  }
  server {
    listen 127.0.0.1:${door} backlog=4096;
    client_max_body_size 0;
    location / {
      proxy_pass http://probe;
      proxy_http_version 1.1;
      proxy_set_header Host $host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_request_buffering off;
      proxy_buffering off;
      proxy_read_timeout 1h;
    }
  }
}
`;
}
