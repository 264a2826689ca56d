/** A yard of one service with a gateway process that hands its door on, and everything ended with the test. */
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import type { Agent, IncomingMessage, RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { kill, startFirst, startNext } from './gateway-process.ts';
import type { GatewayProcess, ProcessYard } from './gateway-process.ts';
import { TestRegistry } from './test-registry.ts';
import { startUpstream } from './test-yard.ts';
import type { TestUpstream } from './test-yard.ts';

export interface HandoverYard extends ProcessYard {
  readonly upstream: TestUpstream;
  readonly registry: TestRegistry;
  readonly first: GatewayProcess;
  /** Starts the next one and remembers it, so that it is ended with the test. */
  next(old: GatewayProcess): Promise<GatewayProcess>;
}

export async function startHandoverYard(
  t: TestContext,
  listener: RequestListener,
  environment: Readonly<Record<string, string>> = {},
  route: Readonly<Record<string, unknown>> = {},
): Promise<HandoverYard> {
  const registry = new TestRegistry();
  const registryUrl = await registry.start();
  const upstream = await startUpstream(t, listener);
  await registry.tell({
    echo: { routes: [{ path: '/', ...route }], deployments: { 'echo-1': [{ id: 'a', port: upstream.port }] } },
  });
  const folder = await mkdtemp(join(tmpdir(), 'switchyard-handover-'));
  const yard = { folder, registryUrl, environment };
  const all: GatewayProcess[] = [];
  t.after(async () => {
    for (const one of all) kill(one);
    await registry.stop();
    await rm(folder, { recursive: true });
  });
  const first = await startFirst(yard, 'gateway-0');
  all.push(first);
  const next = async (old: GatewayProcess): Promise<GatewayProcess> => {
    const one = await startNext(yard, old, `gateway-${all.length}`);
    all.push(one);
    return one;
  };
  return { ...yard, upstream, registry, first, next };
}

/** One answer over the agent's connections: its text, or why there is none. */
export function ask(agent: Agent, port: number, path: string, body: string | null = null): Promise<string> {
  return new Promise((resolve) => {
    const options = { host: '127.0.0.1', port, path, agent, method: body === null ? 'GET' : 'POST' };
    const asked = request(options, (answer: IncomingMessage) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => resolve(`${answer.statusCode} ${Buffer.concat(chunks).toString()}`));
      answer.on('error', (error) => resolve(`cut: ${error.message}`));
    });
    asked.on('error', (error: NodeJS.ErrnoException) => resolve(`failed: ${error.code} ${error.message}`));
    asked.end(body ?? undefined);
  });
}
