/** The Users service: people, accounts, sessions, friendships and blocks. */
import { openDatabase } from '@switchyard/kit/postgres/database';
import { runService } from '@switchyard/kit/run-service';
import { assembleUsers } from './assemble-users.ts';
import { readUsersConfig } from './config.ts';

const environment = readUsersConfig(process.env);

await runService(environment, (parts) => {
  const db = openDatabase({
    url: environment.DATABASE_URL,
    log: parts.log,
    applicationName: environment.INSTANCE_ID,
  });
  parts.lifecycle.onStop('database', () => db.close());
  return assembleUsers(parts, { db, tcpPort: environment.TCP_PORT });
});
