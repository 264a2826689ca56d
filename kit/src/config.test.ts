/** Proves that configuration reports every fault at once and never a secret. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { z } from 'zod';
import { ConfigError, readConfig, serviceEnvironment } from './config.ts';

const whole = {
  PORT: '3010',
  SERVICE_NAME: 'users',
  DEPLOYMENT_ID: 'users-7',
  INSTANCE_ID: 'abc',
  SERVICE_TOKEN: 'secret-token',
  REGISTRY_URL: 'http://127.0.0.1:7000',
  GATEWAY_JWKS_URL: 'http://127.0.0.1:8000/.well-known/jwks.json',
};
const schema = z.object(serviceEnvironment);

describe('configuration', () => {
  it('is typed, frozen, has its defaults, and nothing that it does not name', () => {
    const config = readConfig(schema, { ...whole, LOG_LEVEL: '', HOME: '/root' });
    assert.deepEqual(
      [config.PORT, config.HOST, config.LOG_LEVEL, config.TCP_PORT],
      [3010, '127.0.0.1', 'info', undefined],
    );
    assert.ok(!('HOME' in config));
    assert.ok(Object.isFrozen(config));
  });

  it('reports every fault at once, with what was read and what is allowed', () => {
    const { SERVICE_NAME: _, ...rest } = whole;
    assert.throws(
      () => readConfig(schema, { ...rest, PORT: '70000', LOG_LEVEL: 'loud', REGISTRY_URL: 'nowhere', TCP_PORT: 'x' }),
      (error) => {
        assert.ok(error instanceof ConfigError);
        const of = (name: string) => error.faults.find((fault) => fault.startsWith(name)) ?? '';
        assert.equal(error.faults.length, 5);
        assert.equal(of('SERVICE_NAME'), 'SERVICE_NAME is missing');
        assert.match(of('PORT'), /"70000".*65535/);
        assert.match(of('LOG_LEVEL'), /"loud".*"trace"/);
        assert.match(of('REGISTRY_URL'), /"nowhere".*URL/);
        return true;
      },
    );
  });

  it('never repeats a secret', () => {
    const secrets = z.object({ SERVICE_TOKEN: z.string().min(99), DATABASE_URL: z.url().startsWith('postgresql:') });
    assert.throws(
      () => readConfig(secrets, { SERVICE_TOKEN: 'hunter2', DATABASE_URL: 'mysql://root:hunter2@db/x' }),
      (error: Error) => {
        assert.doesNotMatch(`${error.message}${error.stack}`, /hunter2/);
        assert.match(error.message, /2 faults.*SERVICE_TOKEN is invalid.*DATABASE_URL is invalid/s);
        return true;
      },
    );
  });
});
