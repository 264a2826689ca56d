/** Users as tests run it: the real application on a real port and a real database, with a clock that tests turn. */
import { generateKeyPairSync, sign } from 'node:crypto';
import type { Server } from 'node:http';
import { SERVICE_AUDIENCE, TOKEN_ISSUER, IDENTITY_HEADER } from '@switchyard/contracts/identity';
import type { OwnUser } from '@switchyard/contracts/users';
import { closeServer, listen, portOf } from '@switchyard/kit/http/server';
import { IdentityVerifier, remoteKeys, ServiceTokenVerifier } from '@switchyard/kit/identity/tokens';
import { uuidv7 } from '@switchyard/kit/ids';
import { Lifecycle } from '@switchyard/kit/lifecycle';
import { createLogger } from '@switchyard/kit/log';
import { createMetrics } from '@switchyard/kit/metrics';
import { openDatabase } from '@switchyard/kit/postgres/database';
import type { Database } from '@switchyard/kit/postgres/database';
import { startTestPostgres } from '@switchyard/kit/postgres/test-server';
import type { Express } from 'express';
import { assembleUsers } from './assemble-users.ts';

export const PASSWORD = 'correct horse battery';

export interface Answer {
  readonly status: number;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers of every shape
  readonly body: any;
  readonly headers: Headers;
}

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
  ask(method: string, path: string, more?: { body?: unknown; headers?: Record<string, string> }): Promise<Answer>;
  /** As a service; default the gateway. */
  asService(method: string, path: string, body?: unknown, service?: string): Promise<Answer>;
  signUp(handle: string, more?: { name?: string; email?: string }): Promise<TestPerson>;
  /** Headers by which the gateway says who asks. */
  identityOf(who: { id: string; handle: string; name: string }, sessionId?: string): Record<string, string>;
  stop(): Promise<void>;
}

export async function startTestUsers(): Promise<TestUsers> {
  const postgres = await startTestPostgres();
  const keys = generateKeyPairSync('ed25519');
  const jwks = await serveKeys(keys.publicKey.export({ format: 'jwk' }));
  const jwksUrl = `http://127.0.0.1:${portOf(jwks)}/`;
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

  const token = (claims: object): string => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const signed = `${part({ alg: 'EdDSA', kid: 'test' })}.${part({ iss: TOKEN_ISSUER, iat: seconds(), ...claims })}`;
    return `${signed}.${sign(null, Buffer.from(signed), keys.privateKey).toString('base64url')}`;
  };
  const identityOf: TestUsers['identityOf'] = (who, sessionId = uuidv7()) => ({
    [IDENTITY_HEADER]: token({
      aud: 'users',
      sub: who.id,
      sid: sessionId,
      handle: who.handle,
      name: who.name,
      exp: seconds() + 60,
    }),
  });
  const ask: TestUsers['ask'] = async (method, path, more = {}) => {
    const { body } = more;
    const raw = typeof body === 'string' || Buffer.isBuffer(body);
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...more.headers },
      ...(body === undefined ? {} : { body: raw ? (body as string) : JSON.stringify(body) }),
      signal: AbortSignal.timeout(20_000),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? null : JSON.parse(text), headers: response.headers };
  };
  return {
    db,
    url,
    clock,
    application: assembled.listener,
    tcpPort: assembled.endpoints!['tcp']!.port,
    ask,
    identityOf,
    asService: (method, path, body, service = 'gateway') =>
      ask(method, path, {
        body,
        headers: { authorization: `Bearer ${token({ aud: SERVICE_AUDIENCE, sub: service })}` },
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
      await closeServer(jwks, 100);
      await postgres.stop();
    },
  };
}

const seconds = (): number => Math.floor(Date.now() / 1_000);

function serveKeys(key: object): Promise<Server> {
  const answer = JSON.stringify({ keys: [{ ...key, kid: 'test', alg: 'EdDSA', use: 'sig' }] });
  return listen(
    (_request, response) => void response.writeHead(200, { 'content-type': 'application/json' }).end(answer),
    {
      host: '127.0.0.1',
      port: 0,
    },
  );
}
