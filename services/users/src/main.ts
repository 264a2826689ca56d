/** The Users service: people, accounts, sessions, friendships and blocks. */
import { ConfigError } from '@switchyard/kit/config';
import { openDatabase } from '@switchyard/kit/postgres/database';
import { runService } from '@switchyard/kit/run-service';
import { assembleUsers } from './assemble-users.ts';
import { readUsersConfig } from './config.ts';
import type { UsersEnvironment } from './config.ts';

const environment = configOrExit();

await runService(environment, (parts) => {
  const db = openDatabase({
    url: environment.DATABASE_URL,
    log: parts.log,
    applicationName: environment.INSTANCE_ID,
  });
  parts.lifecycle.onStop('database', () => db.close());
  return assembleUsers(parts, { db, tcpPort: environment.TCP_PORT });
});

function configOrExit(): Readonly<UsersEnvironment> {
  try {
    return readUsersConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}
