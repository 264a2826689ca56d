/** Puts the service together from the parts that the kit gives and a database. */
import { randomBytes } from 'node:crypto';
import { eventLogRoutes } from '@switchyard/kit/events/event-log-routes';
import { eventMigrations } from '@switchyard/kit/events/migrations';
import { EventLog } from '@switchyard/kit/events/event-log';
import { createServiceApplication } from '@switchyard/kit/nest/create-service-application';
import type { ServiceApplicationOptions } from '@switchyard/kit/nest/create-service-application';
import { migrate } from '@switchyard/kit/postgres/migrate';
import type { Database } from '@switchyard/kit/postgres/database';
import type { Assembled } from '@switchyard/kit/run-service';
import type { Express } from 'express';
import type { Users } from './commands/context.ts';
import { asyncApi, openApi } from './documents.ts';
import { Passwords } from './domain/passwords.ts';
import { usersModule } from './users-module.ts';

const migrations = new URL('../migrations/', import.meta.url);

/** Brings the database up to date first: nothing is served before. */
export async function assembleUsers(
  parts: ServiceApplicationOptions['parts'],
  options: { db: Database; now?: () => Date; tcpPort?: number | undefined },
): Promise<Assembled & { readonly listener: Express }> {
  const { db } = options;
  const passwords = new Passwords();
  await Promise.all([
    migrate(db, [eventMigrations, migrations], parts.log, { signal: parts.lifecycle.signal }),
    passwords.prepare(),
  ]);
  const users: Users = { db, passwords, now: options.now ?? (() => new Date()), random: randomBytes };
  const eventLog = new EventLog(db);
  parts.lifecycle.onStop('event log', () => eventLog.close());
  const { listener, endpoints } = await createServiceApplication({
    module: usersModule(users),
    parts,
    before: [eventLogRoutes({ log: eventLog, serviceTokens: parts.serviceTokens, signal: parts.lifecycle.signal })],
    tcpPort: options.tcpPort,
  });
  return {
    listener,
    endpoints,
    checks: [{ name: 'database', check: () => db.check() }],
    openApi,
    asyncApi,
  };
}
