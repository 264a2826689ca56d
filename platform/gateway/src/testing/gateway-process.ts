/** Gateways as processes, one after the other at one door, as the yard starts them. */
import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { INSTANCE_HEADER } from '@switchyard/contracts/identity';
import { freePort } from './free-port.ts';

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));
const DEADLINE_MS = 20_000;
const POLL_MS = 20;

export interface GatewayProcess {
  readonly id: string;
  readonly pid: number;
  /** Of the door. */
  readonly port: number;
  readonly adminPort: number;
  readonly privatePort: number;
  readonly launchFile: string;
  readonly logFile: string;
}

export interface ProcessYard {
  /** For logs, launch files and keys. */
  readonly folder: string;
  readonly registryUrl: string;
  /** Variables beyond those that every one of them needs. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** The first one, which binds its port itself. */
export async function startFirst(yard: ProcessYard, id: string): Promise<GatewayProcess> {
  const [port, adminPort, privatePort] = [await freePort(), await freePort(), await freePort()];
  const started = { id, pid: 0, port, adminPort, privatePort, ...filesOf(yard, id) };
  const child = spawn('/bin/sh', ['-c', `exec "$0" "$1" >>"$2" 2>&1`, process.execPath, MAIN, started.logFile], {
    env: environmentOf(yard, started),
    stdio: 'ignore',
    detached: true,
  });
  child.unref();
  await untilStage(started, 'accepting');
  return { ...started, pid: child.pid! };
}

/** Started by the one that has the door; it waits to be told. */
export async function startNext(yard: ProcessYard, old: GatewayProcess, id: string): Promise<GatewayProcess> {
  const next = { ...old, id, pid: 0, privatePort: await freePort(), ...filesOf(yard, id) };
  const pidFile = join(yard.folder, `${id}.pid`);
  const argv = ['/bin/sh', '-c', 'echo $$ >"$0" && exec "$@"', pidFile, process.execPath, MAIN];
  const launch = { argv, cwd: yard.folder, env: environmentOf(yard, next), logFile: next.logFile };
  await writeFile(old.launchFile, JSON.stringify(launch));
  process.kill(old.pid, 'SIGUSR2');
  await untilStage(next, 'waiting');
  return { ...next, pid: Number(await readFile(pidFile, 'utf8')) };
}

export async function takeOver(next: GatewayProcess): Promise<void> {
  process.kill(next.pid, 'SIGUSR2');
  await untilStage(next, 'accepting');
}

export async function untilStage(gateway: GatewayProcess, stage: string): Promise<void> {
  const deadlineMs = performance.now() + DEADLINE_MS;
  for (;;) {
    const seen = await stageOf(gateway);
    if (seen === stage) return;
    const log = await readFile(gateway.logFile, 'utf8').catch(() => '');
    if (performance.now() > deadlineMs || log.includes('"level":"fatal"'))
      throw new Error(`${gateway.id} is ${seen}, not ${stage}\n${log}`);
    await pause(POLL_MS);
  }
}

/** Null while nobody, or somebody else, answers at its private port. */
export async function stageOf(gateway: GatewayProcess): Promise<string | null> {
  try {
    const answer = await fetch(`http://127.0.0.1:${gateway.privatePort}/-/accepting`);
    if (answer.headers.get(INSTANCE_HEADER) !== gateway.id) return null;
    return ((await answer.json()) as { stage: string }).stage;
  } catch {
    return null;
  }
}

export const isRunning = (gateway: GatewayProcess): boolean => {
  try {
    process.kill(gateway.pid, 0);
    return true;
  } catch {
    return false;
  }
};

export async function untilGone(gateway: GatewayProcess): Promise<void> {
  const deadlineMs = performance.now() + 2 * DEADLINE_MS;
  while (isRunning(gateway)) {
    if (performance.now() > deadlineMs) throw new Error(`${gateway.id} does not end`);
    await pause(POLL_MS);
  }
}

/** For the end of a test: by force. */
export function kill(gateway: GatewayProcess): void {
  if (isRunning(gateway)) process.kill(gateway.pid, 'SIGKILL');
}

const filesOf = ({ folder }: ProcessYard, id: string) => ({
  launchFile: join(folder, `${id}.launch`),
  logFile: join(folder, `${id}.log`),
});

function environmentOf(yard: ProcessYard, gateway: GatewayProcess): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '',
    PORT: String(gateway.port),
    ADMIN_PORT: String(gateway.adminPort),
    TCP_PORT: String(gateway.privatePort),
    SUCCESSOR_FILE: gateway.launchFile,
    INSTANCE_ID: gateway.id,
    SERVICE_TOKEN: 'token-of-the-gateway',
    REGISTRY_URL: yard.registryUrl,
    KEYS_DIR: join(yard.folder, 'keys'),
    ...yard.environment,
  };
}
