/** Composition root: the gateway as a process. */
import { ConfigError } from '@switchyard/kit/config';
import { Lifecycle } from '@switchyard/kit/lifecycle';
import { createLogger, writeLogLines } from '@switchyard/kit/log';
import { readGatewayConfig } from './config.ts';
import type { GatewayEnvironment } from './config.ts';
import { startGateway } from './gateway.ts';
import type { Gateway } from './gateway.ts';
import { LEAVE_WITHIN_MS } from './serving.ts';
import { startWorker } from './workers/worker.ts';

function configOrExit(): GatewayEnvironment {
  try {
    return readGatewayConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(2);
  }
}

const environment = configOrExit();
const isFirst = environment.WORKER === 1;
/** Every worker is a watcher of the registry by a name of its own: a swap waits for each of them. */
const instance = isFirst ? environment.INSTANCE_ID : `${environment.INSTANCE_ID}.w${environment.WORKER}`;
const log = createLogger({
  service: environment.SERVICE_NAME,
  deployment: environment.DEPLOYMENT_ID,
  instance,
  level: environment.LOG_LEVEL,
});
/** For the rest of a stop, beside the connections. */
const CLOSING_MS = 9_000;

const lifecycle = new Lifecycle(log, { stopGraceMs: LEAVE_WITHIN_MS + CLOSING_MS });
lifecycle.handleSignals(process);
let gateway: Gateway | null = null;
// From the beginning: unhandled, it would end the process.
process.on('SIGUSR2', () => {
  if (gateway !== null) void gateway.told();
  else if (isFirst) log.warn('SIGUSR2 has no meaning before the start has ended');
});

async function startFirst(): Promise<void> {
  const started = await startGateway({ environment, log, writeLines: writeLogLines });
  gateway = started;
  lifecycle.onStop('gateway', () => started.stop());
}

async function startAnother(): Promise<void> {
  const onLeave = (): void => void lifecycle.stop('the first worker says so').then(() => process.exit(0));
  const started = await startWorker({ environment, instance, log, writeLines: writeLogLines, process, onLeave });
  lifecycle.onStop('worker', () => started.stop());
}

try {
  await (isFirst ? startFirst() : startAnother());
  lifecycle.started();
} catch (error) {
  log.fatal({ err: error }, 'the gateway could not start');
  process.exit(1);
}
