/** The environment of Users. */
import { readConfig, serviceEnvironment } from '@switchyard/kit/config';
import { z } from 'zod';

export const usersEnvironment = z.object({
  ...serviceEnvironment,
  DATABASE_URL: z.url({ protocol: /^postgres(?:ql)?$/ }).describe('PostgreSQL database of this service alone'),
});
export type UsersEnvironment = z.infer<typeof usersEnvironment>;

/** @throws ConfigError with every fault */
export const readUsersConfig = (environment: NodeJS.ProcessEnv): Readonly<UsersEnvironment> =>
  readConfig(usersEnvironment, environment);
