/** Asks for swaps as a person does, by the command, and says how they ended; looks at what a yard has left when they are over. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import path from 'node:path';
import type { ProbeYard } from '../traffic/probe-yard.ts';
import { eventually, processesBelow, REPOSITORY } from '../yard-under-test.ts';

/** What of a report these tests look at. */
export interface Report {
  readonly id: string;
  readonly services: Readonly<Record<string, { readonly from: string | null; readonly to: string | null }>>;
  readonly outcome: 'done' | 'aborted' | 'reverted';
  readonly reason: string | null;
  readonly lines: readonly string[];
  readonly timeline: readonly { readonly stage: string; readonly atMs: number }[];
  readonly commitToAcknowledgedMs: number | null;
  readonly revertMs: number | null;
  readonly cut: number;
}

export interface SwapEvent {
  readonly kind: string;
  readonly id: string;
  readonly stage: string;
  readonly detail: string;
  readonly services: Report['services'];
  readonly figures: Readonly<Record<string, number>>;
  readonly isHeld?: boolean;
}

export interface EndedSwap {
  readonly code: number | null;
  /** Null when it could not be asked for, or goes on by itself. */
  readonly report: Report | null;
  readonly events: readonly SwapEvent[];
  /** Everything that it wrote. */
  readonly output: string;
}

export interface BegunSwap {
  readonly pid: number;
  /** Resolves when this stage has been reached; rejects when it ends before. */
  stage(name: string): Promise<SwapEvent>;
  /** Ctrl-C. */
  interrupt(): void;
  readonly ended: Promise<EndedSwap>;
}

const COMMAND_MS = 120_000;

/** Runs `yard …words --json`; the words begin with the command. */
export function begin(yard: ProbeYard, ...words: string[]): BegunSwap {
  const argv = [path.join(REPOSITORY, 'bin/yard.js'), ...words, '--json'];
  const child = spawn(process.execPath, argv, {
    cwd: yard.folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: COMMAND_MS,
  });
  let output = '';
  let pending = '';
  const told: Record<string, unknown>[] = [];
  const waiting = new Set<() => void>();
  let isOver = false;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    const lines = (pending + text).split('\n');
    pending = lines.pop()!;
    for (const line of lines) told.push(JSON.parse(line) as Record<string, unknown>);
    for (const look of waiting) look();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
  const ended = new Promise<EndedSwap>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      isOver = true;
      for (const look of waiting) look();
      const last = told.findLast(({ kind }) => kind === 'report');
      const report = last !== undefined && 'outcome' in last ? (last as unknown as Report) : null;
      resolve({ code, report, events: told.filter(({ kind }) => kind === 'swap') as unknown as SwapEvent[], output });
    });
  });
  return {
    pid: child.pid!,
    stage: (name) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = told.find(({ kind, stage }) => kind === 'swap' && stage === name);
          if (found !== undefined) resolve(found as unknown as SwapEvent);
          else if (isOver) reject(new Error(`it ended before it was ${name}:\n${output}`));
          else return;
          waiting.delete(look);
        };
        waiting.add(look);
        look();
      }),
    interrupt: () => child.kill('SIGINT'),
    ended,
  };
}

/** Runs it to its end. */
export function ask(yard: ProbeYard, ...words: string[]): Promise<EndedSwap> {
  return begin(yard, ...words).ended;
}

/** As `ask`, and it must end with this code. */
export async function ends(code: number, yard: ProbeYard, ...words: string[]): Promise<EndedSwap> {
  const ended = await ask(yard, ...words);
  assert.equal(ended.code, code, `yard ${words.join(' ')}:\n${ended.output}`);
  return ended;
}

export interface TableService {
  readonly live: string | null;
  readonly standby: string | null;
  readonly split: Readonly<Record<string, number>> | null;
  readonly deployments: Readonly<Record<string, unknown>>;
}
export interface Table {
  readonly epoch: number;
  readonly services: Readonly<Record<string, TableService>>;
}

export async function tableOf(yard: ProbeYard): Promise<Table> {
  const answer = await fetch(`${yard.registryOrigin}/v1/table`, { signal: AbortSignal.timeout(5_000) });
  assert.equal(answer.status, 200, await answer.clone().text());
  return (await answer.json()) as Table;
}

export async function liveOf(yard: ProbeYard, service = 'probe'): Promise<string | null> {
  return (await tableOf(yard)).services[service]?.live ?? null;
}

/** A call of the registry's with the operator's token. */
export async function callRegistry(
  yard: ProbeYard,
  method: string,
  at: string,
  body?: object,
): Promise<{ readonly status: number; readonly body: Record<string, unknown> }> {
  const answer = await fetch(yard.registryOrigin + at, {
    method,
    headers: { authorization: `Bearer ${await yard.operatorToken()}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(5_000),
  });
  const text = await answer.text();
  return { status: answer.status, body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) };
}

/** Who answers a GET through the gateway just now. */
export async function answeredBy(
  yard: ProbeYard,
  service = 'probe',
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  const answer = await fetch(`${yard.origin}/${service}/get?n=1`, { headers, signal: AbortSignal.timeout(5_000) });
  assert.equal(answer.status, 200, await answer.clone().text());
  return ((await answer.json()) as { deployment: string }).deployment;
}

/** The port of the side on which nothing runs. */
export async function idlePort(yard: ProbeYard, service = 'probe'): Promise<number> {
  const taken = (await yard.status()).services[service]!.instances.map(({ port }) => port);
  return (await yard.portsOf(service)).find((port) => !taken.includes(port))!;
}

/** Listens there as another program would, and answers everything with 200. */
export async function stranger(port: number, headers: Readonly<Record<string, string>> = {}): Promise<Server> {
  const server = createServer((_request, response) =>
    response.writeHead(200, headers).end('{"deployment":"stranger"}'),
  );
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
  return server;
}

export async function away(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

/** One deployment of each service, its processes alone, no journal, no lock, both ports of which one is free. */
export async function nothingIsLeft(yard: ProbeYard): Promise<void> {
  const { services } = await tableOf(yard);
  const status = await yard.status();
  for (const [service, { live, standby, split, deployments }] of Object.entries(services)) {
    assert.deepEqual([standby, split, Object.keys(deployments)], [null, null, [live]], `table of ${service}`);
    assert.equal(status.services[service]!.live, live);
    const listening = await stranger(await idlePort(yard, service));
    await away(listening);
    const lock = `/v1/services/${service}/lock`;
    const taken = await callRegistry(yard, 'POST', lock, { holder: 'who-looks', ttlMs: 5_000 });
    assert.equal(taken.status, 200, `lock of ${service}: ${JSON.stringify(taken.body)}`);
    assert.equal((await callRegistry(yard, 'DELETE', lock, { holder: 'who-looks' })).status, 204);
  }
  assert.deepEqual(await journals(yard), []);
  const parts = [...Object.values(status.services), status.registry, status.gateway];
  const known = new Set([...parts.flatMap(({ instances }) => instances.map(({ pid }) => pid)), status.supervisor!.pid]);
  // What has been killed needs a moment to be gone.
  await eventually('no process is left over', async () => {
    const more = (await processesBelow(yard.folder)).filter((pid) => !known.has(pid));
    if (more.length === 0) return true;
    const words = await Promise.all(more.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => 'gone')));
    throw new Error(words.join('\n').replaceAll('\0', ' '));
  });
}

/** Of swaps that are not over. */
export async function journals(yard: ProbeYard): Promise<string[]> {
  const names = await readdir(path.join(yard.folder, '.yard/journal')).catch(() => []);
  return names.filter((name) => name.endsWith('.jsonl'));
}

/** Ends whatever a test that failed has left, so that the next one begins as it should. */
export async function settle(yard: ProbeYard): Promise<void> {
  if ((await journals(yard)).length === 0) return;
  for (const service of Object.keys((await tableOf(yard)).services)) await yard.yard('abort', service);
  await eventually('no swap goes on', async () => (await journals(yard)).length === 0, 30_000);
}
