/** The environment of Users: what it needs, and what the README says of it. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ConfigError } from '@switchyard/kit/config';
import { readUsersConfig, usersEnvironment } from './config.ts';

const given = {
  PORT: '3010',
  SERVICE_NAME: 'users',
  DEPLOYMENT_ID: 'users-1',
  INSTANCE_ID: 'i',
  SERVICE_TOKEN: 't',
  REGISTRY_URL: 'http://127.0.0.1:7000',
  GATEWAY_JWKS_URL: 'http://127.0.0.1:8000/.well-known/jwks.json',
  DATABASE_URL: 'postgresql://users:secret@127.0.0.1:5432/users',
};

test('what the yard gives is enough', () => {
  const config = readUsersConfig(given);
  assert.deepEqual([config.HOST, config.PORT, config.LOG_LEVEL], ['127.0.0.1', 3010, 'info']);
});

test('every fault is reported at once, and no secret is repeated', () => {
  assert.throws(
    () => readUsersConfig({ ...given, PORT: 'x', REGISTRY_URL: '', DATABASE_URL: 'mysql://root:secret@db/users' }),
    (error: ConfigError) =>
      error.faults.length === 3 && /PORT/.test(error.message) && !error.message.includes('secret'),
  );
});

test('the README lists every variable and no other', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const table = readme.split('## Environment')[1]!.split('\n## ')[0]!;
  const listed = Array.from(table.matchAll(/^\| `([A-Z_]+)`/gm), (row) => row[1]!);
  assert.deepEqual(listed.sort(), Object.keys(usersEnvironment.shape).sort());
});
