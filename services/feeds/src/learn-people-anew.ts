/** A command for the operator: has the running service learn people, friendships and blocks anew from Users' log. */
import { createLogger } from '@switchyard/kit/log';
import { openDatabase } from '@switchyard/kit/postgres/database';
import { learnPeopleAnew } from './commands/learn-people-anew.ts';

const log = createLogger({ service: 'feeds' });
const url = process.env['DATABASE_URL'];
if (url === undefined) {
  log.fatal('DATABASE_URL is missing: the database of the service');
  process.exit(1);
}
const db = openDatabase({ url, log });
await learnPeopleAnew(db);
await db.close();
log.info('everything that Users told was forgotten; the running service reads it again from the beginning');
