/** Users as tests run it: the real application on a real port and a real database, with a clock that tests turn. */
import { IDENTITY_HEADER } from '@switchyard/contracts/identity';
import type { OwnUser } from '@switchyard/contracts/users';
import { closeServer, listen, portOf } from '@switchyard/kit/http/server';
import { ask as send } from '@switchyard/kit/http/test-ask';
import type { Answer as Answered, Asked } from '@switchyard/kit/http/test-ask';
import { TestKeys } from '@switchyard/kit/identity/test-keys';
import { IdentityVerifier, remoteKeys, ServiceTokenVerifier } from '@switchyard/kit/identity/tokens';
import { Lifecycle } from '@switchyard/kit/lifecycle';
import { createLogger } from '@switchyard/kit/log';
import { createMetrics } from '@switchyard/kit/metrics';
import { openDatabase } from '@switchyard/kit/postgres/database';
import type { Database } from '@switchyard/kit/postgres/database';
import { startTestPostgres } from '@switchyard/kit/postgres/test-server';
import type { Express } from 'express';
import { assembleUsers } from './assemble-users.ts';

export const PASSWORD = 'correct horse battery';

// oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers of every shape
export type Answer = Answered<any>;

/** Somebody who signed up, and how to ask in their name. */
export interface TestPerson extends OwnUser {
  readonly asks: (method: string, path: string, body?: unknown) => Promise<Answer>;
}

export interface TestUsers {
  readonly db: Database;
  readonly tcpPort: number;
  readonly application: Express;
  /** Where it answers. */
  readonly url: string;
  /** What the service takes for now; assign to move it. */
  clock: { now: Date };
  /** Anybody, with whatever headers. A string or Buffer is sent as it is, anything else as JSON. */
  ask(method: string, path: string, more?: Asked): Promise<Answer>;
  /** As a service; default the gateway. */
  asService(method: string, path: string, body?: unknown, service?: string): Promise<Answer>;
  /** Headers by which the gateway says that it is the gateway. */
  serviceHeaders(): { readonly authorization: string };
  signUp(handle: string, more?: { name?: string; email?: string }): Promise<TestPerson>;
  /** Headers by which the gateway says who asks. */
  identityOf(who: { id: string; handle: string; name: string }, sessionId?: string): Record<string, string>;
  stop(): Promise<void>;
}

export async function startTestUsers(): Promise<TestUsers> {
  const postgres = await startTestPostgres();
  const keys = new TestKeys('users');
  const jwksUrl = await keys.serve();
  const log = createLogger({ service: 'users', level: process.env['TEST_LOG_LEVEL'] ?? 'fatal' });
  const lifecycle = new Lifecycle(log);
  const db = openDatabase({ url: await postgres.url('users'), log });
  const clock = { now: new Date('2026-03-01T12:00:00.000Z') };
  const remote = remoteKeys(jwksUrl);
  const environment = {
    HOST: '127.0.0.1',
    PORT: 1,
    SERVICE_NAME: 'users',
    DEPLOYMENT_ID: 'users-1',
    INSTANCE_ID: 'users-test',
    SERVICE_TOKEN: 'none',
    REGISTRY_URL: 'http://127.0.0.1:1',
    GATEWAY_JWKS_URL: jwksUrl,
    LOG_LEVEL: 'fatal' as const,
  };
  const identity = new IdentityVerifier(remote, 'users');
  const serviceTokens = new ServiceTokenVerifier(remote);
  const assembled = await assembleUsers(
    { environment, log, lifecycle, identity, serviceTokens, metrics: createMetrics() },
    { db, now: () => clock.now, tcpPort: 0 },
  );
  const server = await listen(assembled.listener, { host: '127.0.0.1', port: 0 });
  const url = `http://127.0.0.1:${portOf(server)}`;

  const identityOf: TestUsers['identityOf'] = (who, sessionId) => ({
    [IDENTITY_HEADER]: keys.identity(who, sessionId),
  });
  const ask: TestUsers['ask'] = (method, path, more) => send(url, method, path, more);
  return {
    db,
    url,
    clock,
    application: assembled.listener,
    tcpPort: assembled.endpoints!['tcp']!.port,
    ask,
    identityOf,
    serviceHeaders: () => ({ authorization: `Bearer ${keys.service('gateway')}` }),
    asService: (method, path, body, service = 'gateway') =>
      ask(method, path, {
        body,
        headers: { authorization: `Bearer ${keys.service(service)}` },
      }),
    signUp: async (handle, more = {}) => {
      const wanted = { handle, name: handle, email: `${handle}@example.org`, password: PASSWORD, ...more };
      const { status, body } = await ask('POST', '/api/users', { body: wanted });
      if (status !== 201) throw new Error(`${handle} could not sign up: ${JSON.stringify(body)}`);
      const person = body as OwnUser;
      const headers = identityOf(person);
      return { ...person, asks: (method, path, sent) => ask(method, path, { body: sent, headers }) };
    },
    stop: async () => {
      await closeServer(server, 100);
      await lifecycle.stop('test');
      await db.close();
      await keys.close();
      await postgres.stop();
    },
  };
}
