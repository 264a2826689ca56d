/** Composition root of the registry. */
import path from 'node:path';
import { systemClock } from '@switchyard/kit/clock';
import { ConfigError } from '@switchyard/kit/config';
import { healthRoutes } from '@switchyard/kit/http/health';
import { closeServer, listen, portOf } from '@switchyard/kit/http/server';
import { Lifecycle } from '@switchyard/kit/lifecycle';
import { createLogger } from '@switchyard/kit/log';
import type { Logger } from '@switchyard/kit/log';
import { answerMetrics, createMetrics, measureRequests } from '@switchyard/kit/metrics';
import type { Registry as Metrics } from '@switchyard/kit/metrics';
import { registryConfig } from './config.ts';
import type { RegistryConfig } from './config.ts';
import { openApi } from './documents.ts';
import { createApp } from './http/app.ts';
import { Credentials } from './http/credentials.ts';
import { InstanceHosts } from './leases/hosts.ts';
import { probe } from './leases/probe.ts';
import { Checkpoint } from './live/checkpoint.ts';
import { StateFile } from './live/state-file.ts';
import { measureRegistry, registryCounters } from './registry-metrics.ts';
import { Registry } from './registry.ts';

const GRACE_MS = 1_000;

async function main(): Promise<void> {
  const config = configOrExit();
  const who = { service: 'registry', deployment: 'registry-1', instance: config.INSTANCE_ID };
  const log = createLogger({ ...who, level: config.LOG_LEVEL });
  const lifecycle = new Lifecycle(log);
  lifecycle.handleSignals(process);
  try {
    const metrics = createMetrics();
    const { registry, checkpoint } = await openRegistry(config, metrics, log);
    lifecycle.onStop('note of instances', () => checkpoint.flush());
    lifecycle.onStop('registry', () => registry.stop());
    measureRegistry(metrics, registry);
    const recovering = {
      name: 'recovering',
      check: (): Promise<void> =>
        registry.recovery.isOver
          ? Promise.resolve()
          : Promise.reject(new Error(`waiting for ${registry.recovery.missing.join(', ') || 'known instances'}`)),
    };
    const app = createApp({
      registry,
      credentials: new Credentials(
        {
          operatorToken: config.OPERATOR_TOKEN_FILE,
          serviceKeys: path.join(config.KEYS_DIR, 'services.public.jwk.json'),
        },
        log,
      ),
      allowedHosts: config.ALLOWED_HOSTS,
      log,
      onAnswered: measureRequests(metrics),
      health: healthRoutes(who, lifecycle, [recovering]),
      metrics: (_request, response) => answerMetrics(metrics, response),
      openApi,
    });
    const server = await listen(app, { host: config.HOST, port: config.PORT });
    lifecycle.onStop('requests', async () => {
      registry.streams.stop();
      await closeServer(server, GRACE_MS);
    });
    lifecycle.started();
    log.info({ host: config.HOST, port: portOf(server), epoch: registry.table.epoch }, 'ready');
  } catch (error) {
    log.fatal({ err: error }, `cannot start: ${error instanceof Error ? error.message : String(error)}`);
    await lifecycle.stop('cannot start');
    process.exit(1);
  }
}

async function openRegistry(
  config: RegistryConfig,
  metrics: Metrics,
  log: Logger,
): Promise<{ registry: Registry; checkpoint: Checkpoint }> {
  const saver = new StateFile(config.STATE_DIR, log);
  const state = await saver.load();
  const counters = registryCounters(metrics);
  let registry: Registry | null = null;
  const checkpoint = new Checkpoint({
    folder: config.STATE_DIR,
    instances: () => registry?.table.allInstances() ?? [],
    watchers: () => registry?.watchers.ids() ?? [],
    clock: systemClock,
    log,
  });
  const noted = await checkpoint.load();
  registry = new Registry({
    state,
    noted: noted?.instances ?? null,
    notedWatchers: noted?.watchers ?? [],
    saver,
    onInstances: () => checkpoint.changed(),
    noteInstances: () => checkpoint.flush(),
    probe,
    hosts: new InstanceHosts(config.INSTANCE_HOSTS),
    limits: {
      maxInstances: config.MAX_INSTANCES,
      maxServices: config.MAX_SERVICES,
      maxWatchers: config.MAX_WATCHERS,
      recoveryTimeoutMs: config.RECOVERY_TIMEOUT_MS,
    },
    clock: systemClock,
    wallClockMs: Date.now,
    log,
    onEvicted: counters.evicted,
    onProbed: counters.probed,
  });
  await registry.start();
  return { registry, checkpoint };
}

function configOrExit(): Readonly<RegistryConfig> {
  try {
    return registryConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(2);
  }
}

await main();
