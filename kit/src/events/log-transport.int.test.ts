/** Runs the contract of event transports against the log over HTTP, and has its reader follow a swap. */
import assert from 'node:assert/strict';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { it } from 'node:test';
import express from 'express';
import { createLocalJWKSet, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { closeServer, listen, portOf } from '../http/server.ts';
import { problemHandler } from '../http/problems.ts';
import { ServiceTokenVerifier } from '../identity/tokens.ts';
import { createLogger } from '../log.ts';
import { openDatabase } from '../postgres/database.ts';
import type { Database } from '../postgres/database.ts';
import { migrate } from '../postgres/migrate.ts';
import { startTestPostgres } from '../postgres/test-server.ts';
import { TableUnderTest, testInstance } from '../registry/test-table.ts';
import { EventLog } from './event-log.ts';
import { eventLogRoutes } from './event-log-routes.ts';
import { contractEvents, eventTransportContract } from './event-transport.contract.ts';
import type { TransportUnderTest } from './event-transport.contract.ts';
import { LogTransport } from './log-transport.ts';
import { eventMigrations } from './migrations.ts';
import { appendEvent } from './outbox.ts';

const log = createLogger({ service: 'test', level: process.env['SHOW'] ?? 'silent' });

/** A producer's log as an application that any number of servers may serve, and the token of a reader. */
async function served(db: Database) {
  const { publicKey, privateKey } = await generateKeyPair('EdDSA');
  const serviceTokens = new ServiceTokenVerifier(createLocalJWKSet({ keys: [await exportJWK(publicKey)] }));
  const token = await new SignJWT()
    .setProtectedHeader({ alg: 'EdDSA' })
    .setIssuer('switchyard')
    .setAudience('switchyard:services')
    .setSubject('reader')
    .setIssuedAt()
    .sign(privateKey);
  const events = new EventLog(db);
  const application = express();
  application.use(eventLogRoutes({ log: events, serviceTokens }), problemHandler(log));
  return { application, events, token };
}

eventTransportContract('the log over HTTP', async (): Promise<TransportUnderTest> => {
  const postgres = await startTestPostgres();
  const [produced, db] = await Promise.all(
    ['producer', 'consumer'].map(async (name) => openDatabase({ url: await postgres.url(name), log })),
  );
  for (const each of [produced!, db!]) await migrate(each, [eventMigrations], log);
  const { application, events, token } = await served(produced!);
  const yard = new TableUnderTest();
  let server: Server | null = null;
  const producerBack = async () => {
    server = await listen(application, { host: '127.0.0.1', port: 0 });
    yard.set('producer', 'producer-1', { 'producer-1': [testInstance('p', { port: portOf(server) })] });
  };
  const producerAway = async () => {
    server?.closeAllConnections();
    if (server !== null) await closeServer(server, 0);
    server = null;
    yard.set('producer', 'producer-1', {});
  };
  await producerBack();
  return {
    producer: 'producer',
    db: db!,
    transport: () => new LogTransport({ finder: yard.finder, token, log, batchMax: 16 }),
    publish: async (notes) => {
      for (const { subject, note } of notes)
        await produced!.transaction((tx) =>
          appendEvent(tx, { source: '/producer', contract: contractEvents.noted, subject, data: { note } }),
        );
    },
    producerAway,
    producerBack,
    close: async () => {
      await producerAway();
      await events.close();
      await produced!.close();
      await db!.close();
      await postgres.stop();
    },
  };
});

it('a reader that waits at a deployment which is no longer live ends that wait, and goes on at the new one without a gap', async () => {
  const postgres = await startTestPostgres();
  const db = openDatabase({ url: await postgres.url('producer'), log });
  await migrate(db, [eventMigrations], log);
  const { application, events, token } = await served(db);
  const sides = { old: await listen(application, { host: '127.0.0.1', port: 0 }), next: express() };
  const waits = Promise.withResolvers<void>();
  const waitsAgain = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  const askedAt: unknown[] = [];
  sides.old.on('request', (request: IncomingMessage, response: ServerResponse) => {
    if (request.url?.includes('waitMs=0') === true) return;
    waits.resolve();
    response.once('close', ended.resolve);
  });
  sides.next.use((request, _response, proceed) => {
    askedAt.push(request.query['after']);
    waitsAgain.resolve();
    proceed();
  }, application);
  const next = await listen(sides.next, { host: '127.0.0.1', port: 0 });
  const deployments = {
    'producer-1': [testInstance('old', { port: portOf(sides.old) })],
    'producer-2': [testInstance('next', { port: portOf(next) })],
  };
  const yard = new TableUnderTest();
  yard.set('producer', 'producer-1', deployments);
  const tell = (note: string) =>
    db.transaction((tx) =>
      appendEvent(tx, { source: '/producer', contract: contractEvents.noted, subject: 's', data: { note } }),
    );
  await tell('before');
  const stop = new AbortController();
  const notes: unknown[] = [];
  let cursor = '';
  const subscribed = new LogTransport({ finder: yard.finder, token, log }).subscribe({
    producer: 'producer',
    after: '',
    signal: stop.signal,
    onEvents: (batch) => {
      notes.push(...batch.events.map((event) => event.data));
      if (notes.length === 1) cursor = batch.cursor;
      if (notes.length === 2) stop.abort();
      return Promise.resolve();
    },
  });
  await waits.promise;
  assert.deepEqual(yard.finder.inFlight(), { 'producer-1': 1 });
  yard.set('producer', 'producer-2', deployments);
  assert.equal(yard.finder.inFlight()['producer-1'], undefined, 'by the time the epoch is acknowledged');
  await Promise.all([ended.promise, waitsAgain.promise]);
  await tell('after');
  await subscribed;
  assert.deepEqual(notes, [{ note: 'before' }, { note: 'after' }]);
  assert.equal(askedAt[0], cursor);
  for (const server of [sides.old, next]) await closeServer(server, 0);
  await events.close();
  await db.close();
  await postgres.stop();
});
