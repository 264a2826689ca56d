/** What the environment says: the variables that every service gets, and where browsers reach the gateway. */
import { readConfig, serviceEnvironment } from '@switchyard/kit/config';
import { z } from 'zod';

const environment = z.object({
  ...serviceEnvironment,
  GATEWAY_PUBLIC_URL: z
    .url({ protocol: /^https?$/ })
    .transform((url) => new URL(url).origin)
    .optional()
    .describe(
      'Origin at which browsers reach the gateway when they opened this service directly; default: port 8000 of the host they used',
    ),
});
export type FrontConfig = z.infer<typeof environment>;

/** @throws ConfigError with every fault */
export const readFrontConfig = (from: NodeJS.ProcessEnv): Readonly<FrontConfig> => readConfig(environment, from);
