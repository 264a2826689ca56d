/** Composition root: the gateway as a process. */
import { ConfigError } from '@switchyard/kit/config';
import { Lifecycle } from '@switchyard/kit/lifecycle';
import { createLogger } from '@switchyard/kit/log';
import { readGatewayConfig } from './config.ts';
import type { GatewayEnvironment } from './config.ts';
import { startGateway } from './gateway.ts';

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
const log = createLogger({
  service: environment.SERVICE_NAME,
  deployment: environment.DEPLOYMENT_ID,
  instance: environment.INSTANCE_ID,
  level: environment.LOG_LEVEL,
});
const lifecycle = new Lifecycle(log);
lifecycle.handleSignals(process);
try {
  const gateway = await startGateway({ environment, log, writeLines: (lines) => process.stdout.write(lines) });
  lifecycle.onStop('gateway', () => gateway.stop());
  lifecycle.started();
} catch (error) {
  log.fatal({ err: error }, 'the gateway could not start');
  process.exit(1);
}
