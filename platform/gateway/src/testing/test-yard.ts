/** A gateway on free ports with a registry and upstreams of the test's own, and everything closed at its end. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { listenOn, portOf } from '@switchyard/kit/http/server';
import { createLogger } from '@switchyard/kit/log';
import { gatewayEnvironment } from '../config.ts';
import { startGateway } from '../gateway.ts';
import type { Gateway } from '../gateway.ts';
import { TestRegistry } from './test-registry.ts';
import type { ToldService } from './test-registry.ts';

export interface TestYard {
  readonly gateway: Gateway;
  readonly registry: TestRegistry;
  readonly keysDir: string;
  /** `http://127.0.0.1:…` */
  readonly url: string;
  readonly adminUrl: string;
  /** `127.0.0.1:…` */
  readonly host: string;
  readonly lines: string[];
}

export async function startTestYard(
  context: TestContext,
  services: Readonly<Record<string, ToldService>>,
  environment: Readonly<Record<string, string>> = {},
): Promise<TestYard> {
  const registry = new TestRegistry();
  const registryUrl = await registry.start();
  await registry.tell(services);
  const keysDir = await mkdtemp(join(tmpdir(), 'switchyard-gateway-'));
  const lines: string[] = [];
  const gateway = await startGateway({
    environment: gatewayEnvironment.parse({
      PORT: 0,
      ADMIN_PORT: 0,
      INSTANCE_ID: 'gateway-under-test',
      SERVICE_TOKEN: 'token-of-the-gateway',
      REGISTRY_URL: registryUrl,
      KEYS_DIR: keysDir,
      LOG_LEVEL: 'info',
      ...environment,
    }),
    log: createLogger({ service: 'gateway', level: process.env['TEST_LOG'] ?? 'silent' }),
    writeLines: (written) => lines.push(written),
    isAccessLogged: true,
    firstTableMs: 1_000,
  });
  context.after(async () => {
    await gateway.stop();
    await registry.stop();
    await rm(keysDir, { recursive: true, force: true });
  });
  const host = `127.0.0.1:${gateway.port}`;
  const adminUrl = `http://127.0.0.1:${gateway.adminPort}`;
  return { gateway, registry, keysDir, url: `http://${host}`, adminUrl, host, lines };
}

export interface TestUpstream {
  readonly port: number;
  readonly server: Server;
  stop(): Promise<void>;
}

export async function startUpstream(context: TestContext, listener: RequestListener, port = 0): Promise<TestUpstream> {
  const server = createServer({ keepAliveTimeout: 75_000 }, listener);
  await listenOn(server, { host: '127.0.0.1', port });
  const stop = async (): Promise<void> => {
    server.closeAllConnections();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  };
  context.after(stop);
  return { port: portOf(server), server, stop };
}

/** One service `echo` at `/` with one instance that answers with `listener`. */
export async function startYardWith(
  context: TestContext,
  listener: RequestListener,
  environment: Readonly<Record<string, string>> = {},
  route: Readonly<Record<string, unknown>> = {},
): Promise<TestYard & { upstream: TestUpstream }> {
  const upstream = await startUpstream(context, listener);
  const yard = await startTestYard(
    context,
    {
      echo: { routes: [{ path: '/', ...route }], deployments: { 'echo-1': [{ id: 'echo-a', port: upstream.port }] } },
    },
    environment,
  );
  return { ...yard, upstream };
}
