/** Starts Feeds: environment, parts, application. */
import { readConfig } from '@switchyard/kit/config';
import { LogTransport } from '@switchyard/kit/events/log-transport';
import { MessageClient } from '@switchyard/kit/messaging/message-client';
import { runService } from '@switchyard/kit/run-service';
import { assembleFeeds } from './assemble-feeds.ts';
import { environmentSchema } from './config.ts';
import { UsersDirectory } from './messages/users-directory.ts';

const environment = readConfig(environmentSchema, process.env);
await runService(environment, async (parts) => {
  const { finder, log, lifecycle } = parts;
  const messages = new MessageClient({ finder, log });
  lifecycle.onStop('messages', () => messages.close());
  return assembleFeeds({
    ...parts,
    databaseUrl: environment.DATABASE_URL,
    transport: new LogTransport({ finder, token: environment.SERVICE_TOKEN, log }),
    directory: new UsersDirectory(messages),
  });
});
