/** Feeds as tests run it: the real application on a real port and database, fed by a real log of Users' events over HTTP. */
import type { Server } from 'node:http';
import type { Post } from '@switchyard/contracts/feeds';
import { IDENTITY_HEADER } from '@switchyard/contracts/identity';
import type { Identity } from '@switchyard/contracts/identity';
import type { Person } from '@switchyard/contracts/users';
import { usersEvents } from '@switchyard/contracts/users-events';
import { EventLog } from '@switchyard/kit/events/event-log';
import { eventLogRoutes } from '@switchyard/kit/events/event-log-routes';
import { LogTransport } from '@switchyard/kit/events/log-transport';
import { eventMigrations } from '@switchyard/kit/events/migrations';
import { appendEvent, eraseEvents } from '@switchyard/kit/events/outbox';
import { closeServer, listen, portOf } from '@switchyard/kit/http/server';
import { ask as send } from '@switchyard/kit/http/test-ask';
import type { Answer as Answered, Asked } from '@switchyard/kit/http/test-ask';
import { TestKeys } from '@switchyard/kit/identity/test-keys';
import { IdentityVerifier, remoteKeys, ServiceTokenVerifier } from '@switchyard/kit/identity/tokens';
import { uuidv7 } from '@switchyard/kit/ids';
import { Lifecycle } from '@switchyard/kit/lifecycle';
import { createLogger } from '@switchyard/kit/log';
import { createMetrics } from '@switchyard/kit/metrics';
import { openDatabase } from '@switchyard/kit/postgres/database';
import type { Database, Transaction } from '@switchyard/kit/postgres/database';
import { migrate } from '@switchyard/kit/postgres/migrate';
import { startTestPostgres } from '@switchyard/kit/postgres/test-server';
import type { TestPostgres } from '@switchyard/kit/postgres/test-server';
import { TableUnderTest, testInstance } from '@switchyard/kit/registry/test-table';
import express from 'express';
import { assembleFeeds } from './assemble-feeds.ts';
import type { AssembledFeeds } from './assemble-feeds.ts';
import { ResolveMentions } from './commands/resolve-mentions.ts';
import type { PeopleDirectory } from './domain/people-directory.ts';

export const log = createLogger({ service: 'feeds', level: process.env['TEST_LOG_LEVEL'] ?? 'fatal' });
const LOOPBACK = '127.0.0.1';

export type Answer<B = Record<string, unknown>> = Answered<B>;
export interface Items<T> {
  readonly items: T[];
  readonly nextCursor: string | null;
}

/** Somebody, and how to ask in their name. */
export interface TestPerson extends Identity {
  asks<B = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<Answer<B>>;
  posts(text: string): Promise<Post>;
  feed(query?: string): Promise<Items<Post>>;
  headers(): Record<string, string>;
}

/** Users, as far as Feeds knows it: its log of events, and who resolves handles. */
export class TestUsers implements PeopleDirectory {
  readonly people = new Map<string, Person>();
  /** Whether handles are resolved. */
  isUp = true;
  port = 0;
  private readonly db: Database;
  private server: Server | null = null;
  private events: EventLog | null = null;
  constructor(db: Database) {
    this.db = db;
  }

  async serve(serviceTokens: ServiceTokenVerifier, signal: AbortSignal): Promise<void> {
    await migrate(this.db, [eventMigrations], log);
    this.events = new EventLog(this.db);
    const application = express().use(eventLogRoutes({ log: this.events, serviceTokens, signal }));
    this.server = await listen(application, { host: LOOPBACK, port: 0 });
    this.port = portOf(this.server);
  }

  async resolve(_viewerId: string, handles: readonly string[]): Promise<readonly Person[]> {
    if (!this.isUp) throw new Error('users is down');
    return [...this.people.values()].filter((person) => handles.includes(person.handle));
  }

  registered = (who: Identity) =>
    this.tell('registered', who.id, { ...named(who), createdAt: new Date().toISOString() });
  changed = (who: Identity) => this.tell('changed', who.id, named(who));
  befriended = (one: Identity, other: Identity) => this.tell('befriended', ...pair(one, other));
  parted = (one: Identity, other: Identity) => this.tell('parted', ...pair(one, other));
  blocked = (blocker: Identity, blocked: Identity) =>
    this.tell('blocked', pair(blocker, blocked)[0], { blocker: blocker.id, blocked: blocked.id });
  unblocked = (blocker: Identity, blocked: Identity) =>
    this.tell('unblocked', pair(blocker, blocked)[0], { blocker: blocker.id, blocked: blocked.id });
  deleted = (who: Identity) =>
    this.db.transaction(async (tx) => {
      await eraseEvents(tx, [who.id]);
      await this.append(tx, 'deleted', who.id, { userId: who.id });
    });

  /** The last version of every subject. */
  sequences(): Promise<{ subject: string; sequence: number }[]> {
    return this.db.query('SELECT subject, sequence FROM event_subject');
  }

  async close(): Promise<void> {
    await this.events?.close();
    if (this.server !== null) await closeServer(this.server, 100);
    await this.db.close();
  }

  private tell(kind: keyof typeof usersEvents, subject: string, data: object): Promise<void> {
    return this.db.transaction((tx) => this.append(tx, kind, subject, data));
  }

  private append(tx: Transaction, kind: keyof typeof usersEvents, subject: string, data: object): Promise<void> {
    return appendEvent(tx, { source: '/users', contract: usersEvents[kind], subject, data: data as never });
  }
}

const named = (who: Identity) => ({ userId: who.id, handle: who.handle, name: who.name });
const pair = (one: Identity, other: Identity): [string, { a: string; b: string }] => {
  const [a, b] = [one.id, other.id].sort() as [string, string];
  return [`${a}:${b}`, { a, b }];
};

export interface TestFeeds {
  readonly postgres: TestPostgres;
  readonly databaseUrl: string;
  readonly db: Database;
  readonly listener: AssembledFeeds['listener'];
  readonly users: TestUsers;
  readonly keys: TestKeys;
  readonly jwksUrl: string;
  readonly url: string;
  /** Somebody of whom no event has told. */
  stranger(handle?: string): TestPerson;
  /** Somebody whom Feeds knows, after settled(). */
  person(handle?: string): Promise<TestPerson>;
  ask<B = Record<string, unknown>>(
    method: string,
    path: string,
    more?: { body?: unknown; headers?: Record<string, string> },
  ): Promise<Answer<B>>;
  /** Until Feeds has applied every event and done all the work that follows from them and from posts. */
  settled(): Promise<void>;
  /** Takes up mentions that are due. */
  mentionsCaughtUp(): Promise<unknown>;
  /** The instance that `url` names. */
  readonly first: Instance;
  /** One more instance of the same service on the same database. */
  another(): Promise<Instance>;
  stop(): Promise<void>;
}

export interface Instance {
  readonly url: string;
  readonly assembled: AssembledFeeds;
  stop(): Promise<void>;
}

let people = 0;

export async function startTestFeeds(): Promise<TestFeeds> {
  const postgres = await startTestPostgres();
  const keys = new TestKeys('feeds');
  const jwksUrl = await keys.serve();
  const remote = remoteKeys(jwksUrl);
  const serviceTokens = new ServiceTokenVerifier(remote);
  const users = new TestUsers(openDatabase({ url: await postgres.url('users'), log }));
  const ended = new AbortController();
  await users.serve(serviceTokens, ended.signal);
  const databaseUrl = await postgres.url('feeds');
  const start = () => startInstance({ databaseUrl, users, keys, jwksUrl });
  const instances = [await start()];
  const { url, assembled } = instances[0]!;
  const db = openDatabase({ url: databaseUrl, log });

  const ask = <B>(method: string, path: string, more: Asked = {}): Promise<Answer<B>> =>
    send<B>(url, method, path, more);
  const somebody = (handle = `person_${(people += 1)}`): TestPerson => {
    const who: Identity = { id: uuidv7(), handle, name: `Name of ${handle}` };
    const headers = { [IDENTITY_HEADER]: keys.identity(who) };
    const asks: TestPerson['asks'] = (method, path, body) => ask(method, path, { body, headers });
    return {
      ...who,
      asks,
      headers: () => headers,
      posts: async (text) => {
        const answer = await asks<Post>('POST', '/api/posts', { text });
        if (answer.status !== 201) throw new Error(`not posted: ${JSON.stringify(answer.body)}`);
        return answer.body;
      },
      feed: async (query = '') => (await asks<Items<Post>>('GET', `/api/feed${query}`)).body,
    };
  };
  return {
    postgres,
    databaseUrl,
    db,
    listener: assembled.listener,
    users,
    keys,
    jwksUrl,
    url,
    ask,
    stranger: somebody,
    person: async (handle) => {
      const one = somebody(handle);
      users.people.set(one.id, { id: one.id, handle: one.handle, name: one.name });
      await users.registered(one);
      return one;
    },
    settled: () => settled(users, db),
    mentionsCaughtUp: () => new ResolveMentions(db, users, log).catchUp(),
    first: instances[0]!,
    another: async () => {
      const instance = await start();
      instances.push(instance);
      return instance;
    },
    stop: async () => {
      ended.abort();
      for (const instance of instances) await instance.stop();
      await db.close();
      await users.close();
      await keys.close();
      await postgres.stop();
    },
  };
}

async function startInstance(on: {
  databaseUrl: string;
  users: TestUsers;
  keys: TestKeys;
  jwksUrl: string;
}): Promise<Instance> {
  const lifecycle = new Lifecycle(log);
  const remote = remoteKeys(on.jwksUrl);
  const yard = new TableUnderTest();
  yard.set('users', 'users-1', { 'users-1': [testInstance('users-test', { port: on.users.port })] });
  const assembled = await assembleFeeds({
    environment: {
      HOST: LOOPBACK,
      PORT: 1,
      SERVICE_NAME: 'feeds',
      DEPLOYMENT_ID: 'feeds-1',
      INSTANCE_ID: 'feeds-test',
      SERVICE_TOKEN: 'none',
      REGISTRY_URL: `http://${LOOPBACK}:1`,
      GATEWAY_JWKS_URL: on.jwksUrl,
      LOG_LEVEL: 'fatal',
    },
    log,
    lifecycle,
    identity: new IdentityVerifier(remote, 'feeds'),
    serviceTokens: new ServiceTokenVerifier(remote),
    metrics: createMetrics(),
    otherIsLive: () => false,
    databaseUrl: on.databaseUrl,
    transport: new LogTransport({ finder: yard.finder, token: on.keys.service('feeds'), log }),
    directory: on.users,
  });
  const server = await listen(assembled.listener, { host: LOOPBACK, port: 0 });
  let stopped: Promise<void> | null = null;
  const stop = async () => {
    await assembled.onDrain?.();
    await closeServer(server, 100);
    await lifecycle.stop('test');
  };
  return { url: `http://${LOOPBACK}:${portOf(server)}`, assembled, stop: () => (stopped ??= stop()) };
}

/** Waits for facts in the database; nothing tells from outside when the last of the work is done. */
async function settled(users: TestUsers, db: Database): Promise<void> {
  const told = await users.sequences();
  for (;;) {
    const [row] = await db.query<{ is_settled: boolean }>(
      `SELECT NOT EXISTS (
         SELECT FROM unnest($1::text[], $2::bigint[]) AS t(subject, sequence)
         LEFT JOIN event_inbox i ON i.subject = t.subject AND i.producer = 'users'
         WHERE coalesce(i.sequence, 0) < t.sequence
       ) AND NOT EXISTS (SELECT FROM fan_out) AND NOT EXISTS (SELECT FROM reconciliation)
         AND NOT EXISTS (SELECT FROM erasure) AS is_settled`,
      [told.map((one) => one.subject), told.map((one) => one.sequence)],
    );
    if (row?.is_settled === true) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
