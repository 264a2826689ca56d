/** Proves what the HTTP routes of events and dead letters answer, and to whom. */
import assert from 'node:assert/strict';
import type { Server } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { deadLetterOperations, eventLogOperations, eventPage } from '@switchyard/contracts/event';
import express from 'express';
import { createLocalJWKSet, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { closeServer, listen, portOf } from '../http/server.ts';
import { problemHandler } from '../http/problems.ts';
import { ServiceTokenVerifier } from '../identity/tokens.ts';
import { createLogger } from '../log.ts';
import { assertNoDrift } from '../openapi.ts';
import { openDatabase } from '../postgres/database.ts';
import type { Database } from '../postgres/database.ts';
import { migrate } from '../postgres/migrate.ts';
import { startTestPostgres } from '../postgres/test-server.ts';
import type { TestPostgres } from '../postgres/test-server.ts';
import { deadLetterRoutes } from './dead-letter-routes.ts';
import { EventLog } from './event-log.ts';
import { eventLogRoutes } from './event-log-routes.ts';
import { contractEvents } from './event-transport.contract.ts';
import { eventMigrations } from './migrations.ts';
import { appendEvent } from './outbox.ts';
import { eventOf } from './tea-consumer.ts';

const log = createLogger({ service: 'test', level: 'silent' });

describe('routes for events', () => {
  let postgres: TestPostgres;
  let db: Database;
  let events: EventLog;
  let server: Server;
  let token: string;
  const application = express();
  const draining = new AbortController();
  before(async () => {
    postgres = await startTestPostgres();
    db = openDatabase({ url: await postgres.url('routes'), log });
    await migrate(db, [eventMigrations], log);
    events = new EventLog(db);
    const { publicKey, privateKey } = await generateKeyPair('EdDSA');
    const serviceTokens = new ServiceTokenVerifier(createLocalJWKSet({ keys: [await exportJWK(publicKey)] }));
    token = await new SignJWT()
      .setProtectedHeader({ alg: 'EdDSA' })
      .setIssuer('switchyard')
      .setAudience('switchyard:services')
      .setSubject('reader')
      .setIssuedAt()
      .sign(privateKey);
    application.use(eventLogRoutes({ log: events, serviceTokens, signal: draining.signal }));
    application.use(deadLetterRoutes({ db, serviceTokens }), problemHandler(log));
    server = await listen(application, { host: '127.0.0.1', port: 0 });
  });
  after(async () => {
    await closeServer(server);
    await events.close();
    await db.close();
    await postgres.stop();
  });

  const ask = async (path: string, options: { authorization?: string; body?: unknown; signal?: AbortSignal } = {}) => {
    const response = await fetch(`http://127.0.0.1:${portOf(server)}${path}`, {
      headers: { authorization: options.authorization ?? `Bearer ${token}`, 'content-type': 'application/json' },
      ...(options.body === undefined ? {} : { method: 'POST', body: JSON.stringify(options.body) }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };

  it('are as they are documented', () => {
    assertNoDrift(application, eventLogOperations, deadLetterOperations);
  });

  it('are for services alone, and judge what they are asked', async () => {
    assert.equal((await ask('/internal/events', { authorization: 'Bearer x.y.z' })).status, 401);
    assert.equal((await ask('/internal/dead-letters', { authorization: '' })).status, 401);
    for (const query of [
      'limit=0',
      'limit=1001',
      'waitMs=30001',
      'waitMs=x',
      'after=1&after=2',
      'unknown=1',
      'after=nonsense',
    ])
      assert.equal((await ask(`/internal/events?${query}`)).status, 400, query);
  });

  it('give the log, wait for what comes, and end the wait when the service drains', async () => {
    const waiting = ask('/internal/events?waitMs=20000');
    await db.transaction((tx) =>
      appendEvent(tx, { source: '/t', contract: contractEvents.noted, subject: 's', data: { note: 'n' } }),
    );
    const page = eventPage.parse((await waiting).body);
    assert.deepEqual(
      page.events.map(({ subject, cursor }) => [subject, cursor === page.cursor]),
      [['s', true]],
    );
    await assert.rejects(
      ask(`/internal/events?waitMs=20000&after=${page.cursor}`, { signal: AbortSignal.timeout(20) }),
    );
    const last = ask(`/internal/events?waitMs=20000&after=${page.cursor}`);
    await db.query('SELECT 1');
    draining.abort();
    assert.deepEqual((await last).body, { events: [], cursor: page.cursor });
  });

  it('show dead letters, and replay them', async () => {
    const insert =
      'INSERT INTO event_dead_letter (producer, subject, sequence, event, error, attempts) VALUES ($1, $2, $3, $4, $5, $6)';
    for (const subject of ['a', 'b'])
      await db.query(insert, ['tea', subject, 1, JSON.stringify(eventOf(subject, 1)), 'Error: cold', 4]);
    const { items } = (await ask('/internal/dead-letters?producer=tea')).body as { items: Record<string, unknown>[] };
    assert.deepEqual(
      items.map(({ subject, error, attempts, parked }) => [subject, error, attempts, parked]),
      [
        ['a', 'Error: cold', 4, 0],
        ['b', 'Error: cold', 4, 0],
      ],
    );
    assert.deepEqual(deadLetterOperations.listDeadLetters.answer.schema.parse({ items }).items.length, 2);
    const replayed = async (body: unknown) => (await ask('/internal/dead-letters/replay', { body })).body['replayed'];
    assert.equal(await replayed({ producer: 'tea', subject: 'b' }), 1);
    assert.equal(await replayed({ producer: 'tea' }), 1);
    assert.equal(await replayed({ producer: 'tea' }), 0);
    assert.equal((await ask('/internal/dead-letters/replay', { body: { who: 1 } })).status, 400);
  });
});
