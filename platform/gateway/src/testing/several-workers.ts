/** For tests of a gateway of several workers: how each of them is, what all have counted, and load that notices what is lost. */
import { Agent } from 'node:http';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { isRunning } from './gateway-process.ts';
import type { GatewayProcess } from './gateway-process.ts';
import { ask } from './test-handover.ts';

export const TWO = { GATEWAY_SETTINGS: JSON.stringify({ workers: 2 }) };
const DEADLINE_MS = 20_000;
export const CLIENTS = 16;

export interface WorkerHealth {
  readonly worker: number;
  readonly pid: number | null;
  readonly stage: string;
  readonly connections: number | null;
}

export function agentOf(t: TestContext): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
  t.after(() => agent.destroy());
  return agent;
}

/** Clients that ask again and again over connections that they keep. */
export function startLoad(t: TestContext, port: number) {
  const agent = agentOf(t);
  const over = new AbortController();
  t.after(() => over.abort());
  const failed: string[] = [];
  const load = { sent: 0, wake: (): void => {} };
  const client = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const said = await ask(agent, port, '/');
      load.sent += 1;
      if (said !== '200 got') failed.push(said);
      load.wake();
      await pause(2);
    }
  };
  const clients = Array.from({ length: CLIENTS }, client);
  return {
    failed,
    more: async (count: number): Promise<void> => {
      const wanted = load.sent + count;
      while (load.sent < wanted) await new Promise<void>((resolve) => (load.wake = resolve));
    },
    stop: async (): Promise<number> => {
      over.abort();
      await Promise.all(clients);
      return load.sent;
    },
  };
}

export async function healthOf(gateway: GatewayProcess): Promise<WorkerHealth[]> {
  const answer = await fetch(`http://127.0.0.1:${gateway.adminPort}/health`, { headers: { connection: 'close' } });
  return ((await answer.json()) as { workers: WorkerHealth[] }).workers;
}

export async function metricsOf(gateway: GatewayProcess): Promise<string> {
  return (await fetch(`http://127.0.0.1:${gateway.adminPort}/metrics`, { headers: { connection: 'close' } })).text();
}

export const requestsIn = (page: string): number =>
  Number(/^gateway_requests_total\{service="echo",deployment="echo-1",status="2xx"\} (\d+)$/m.exec(page)?.[1] ?? 0);

/** That many of them, none of which is the process that was before. */
export async function untilServing(gateway: GatewayProcess, count: number, before = 0): Promise<void> {
  const deadlineMs = performance.now() + DEADLINE_MS;
  for (;;) {
    const workers = isRunning(gateway) ? await healthOf(gateway) : [];
    const serving = workers.filter(({ stage, pid }) => stage === 'serving' && pid !== before);
    if (serving.length >= count) return;
    if (performance.now() > deadlineMs) throw new Error(`workers: ${JSON.stringify(workers)}`);
    await pause(20);
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
