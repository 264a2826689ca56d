/** The environment of the registry. */
import { readConfig } from '@switchyard/kit/config';
import { z } from 'zod';

const list = (fallback: string) =>
  z
    .string()
    .default(fallback)
    .transform((text) =>
      text
        .split(',')
        .map((item) => item.trim().toLowerCase())
        .filter((item) => item !== ''),
    );
const count = (fallback: number, max: number) => z.coerce.number().int().min(1).max(max).default(fallback);

const environment = z.object({
  HOST: z.string().default('127.0.0.1').describe('Address to listen on'),
  PORT: z.coerce.number().int().min(0).max(65535).default(7000).describe('Port to listen on; 0 takes a free one'),
  INSTANCE_ID: z.string().default('registry').describe('Unique id of this process'),
  LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal'])
    .default('info')
    .describe('Least severe log level that is written'),
  STATE_DIR: z.string().default('.yard/registry').describe('Folder of what survives a restart'),
  KEYS_DIR: z.string().default('.yard/keys').describe('Folder of services.public.jwk.json'),
  OPERATOR_TOKEN_FILE: z.string().default('.yard/operator.token').describe("File that holds the operator's token"),
  ALLOWED_HOSTS: list('').describe('Names, besides localhost and IP addresses, that a Host header may carry'),
  INSTANCE_HOSTS: list('loopback,private').describe(
    'Where instances may be: loopback, private, and exact addresses or names',
  ),
  RECOVERY_TIMEOUT_MS: count(8_000, 600_000).describe('Longest wait for known instances after a restart'),
  MAX_INSTANCES: count(20_000, 1_000_000).describe('Most instances'),
  MAX_SERVICES: count(2_000, 100_000).describe('Most services'),
  MAX_WATCHERS: count(1_000, 100_000).describe('Most watches open at once, and most watchers that route'),
});
export type RegistryConfig = z.infer<typeof environment>;

/** Throws ConfigError with every fault. */
export const registryConfig = (variables: NodeJS.ProcessEnv): Readonly<RegistryConfig> =>
  readConfig(environment, variables);
