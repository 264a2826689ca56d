/** Runs the contract of event transports against the log over HTTP. */
import type { Server } from 'node:http';
import express from 'express';
import { createLocalJWKSet, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { closeServer, listen, portOf } from '../http/server.ts';
import { problemHandler } from '../http/problems.ts';
import { ServiceTokenVerifier } from '../identity/tokens.ts';
import { createLogger } from '../log.ts';
import { openDatabase } from '../postgres/database.ts';
import { migrate } from '../postgres/migrate.ts';
import { startTestPostgres } from '../postgres/test-server.ts';
import { EventLog } from './event-log.ts';
import { eventLogRoutes } from './event-log-routes.ts';
import { contractEvents, eventTransportContract } from './event-transport.contract.ts';
import type { TransportUnderTest } from './event-transport.contract.ts';
import { LogTransport } from './log-transport.ts';
import { eventMigrations } from './migrations.ts';
import { appendEvent } from './outbox.ts';

const log = createLogger({ service: 'test', level: process.env['SHOW'] ?? 'silent' });

eventTransportContract('the log over HTTP', async (): Promise<TransportUnderTest> => {
  const postgres = await startTestPostgres();
  const [produced, db] = await Promise.all(
    ['producer', 'consumer'].map(async (name) => openDatabase({ url: await postgres.url(name), log })),
  );
  for (const each of [produced!, db!]) await migrate(each, [eventMigrations], log);
  const { publicKey, privateKey } = await generateKeyPair('EdDSA');
  const serviceTokens = new ServiceTokenVerifier(createLocalJWKSet({ keys: [await exportJWK(publicKey)] }));
  const token = await new SignJWT()
    .setProtectedHeader({ alg: 'EdDSA' })
    .setIssuer('switchyard')
    .setAudience('switchyard:services')
    .setSubject('reader')
    .setIssuedAt()
    .sign(privateKey);

  const events = new EventLog(produced!);
  const application = express();
  application.use(eventLogRoutes({ log: events, serviceTokens }), problemHandler(log));
  let server: Server | null = null;
  const producerBack = async () => {
    server = await listen(application, { host: '127.0.0.1', port: 0 });
  };
  const producerAway = async () => {
    server?.closeAllConnections();
    if (server !== null) await closeServer(server, 0);
    server = null;
  };
  await producerBack();
  const finder = {
    find: () =>
      server === null ? null : { instanceId: 'p', deployment: 'p-1', host: '127.0.0.1', port: portOf(server) },
  };
  return {
    producer: 'producer',
    db: db!,
    transport: () => new LogTransport({ finder, token, log, batchMax: 16 }),
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
