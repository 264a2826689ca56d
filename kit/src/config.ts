/** Turns environment variables into a frozen, typed object, and reports every fault at once. */
import { z } from 'zod';

/** All faults of an environment, one a line; `faults` has them apart. */
export class ConfigError extends Error {
  readonly faults: readonly string[];
  constructor(faults: readonly string[]) {
    super(
      `The environment has ${faults.length === 1 ? 'a fault' : `${faults.length} faults`}:\n${faults.map((fault) => `  ${fault}`).join('\n')}`,
    );
    this.name = 'ConfigError';
    this.stack = this.message; // what is wrong is outside the program, so where it was noticed would only hide it
    this.faults = faults;
  }
}

const SECRET = /TOKEN|SECRET|PASSWORD|KEY|DATABASE_URL/;

/**
 * Reads the variables that `schema` names; an empty variable counts as absent. Values of secrets are never repeated in a fault.
 *
 * @throws ConfigError naming each variable, what was read and what is allowed
 */
export function readConfig<S extends z.ZodObject>(schema: S, environment: NodeJS.ProcessEnv): Readonly<z.infer<S>> {
  const given: Record<string, string> = {};
  for (const name of Object.keys(schema.shape)) {
    const value = environment[name];
    if (value !== undefined && value !== '') given[name] = value;
  }
  const parsed = schema.safeParse(given);
  if (parsed.success) return Object.freeze(parsed.data);
  throw new ConfigError(
    parsed.error.issues.map((issue) => {
      const name = String(issue.path[0] ?? '');
      const value = given[name];
      if (value === undefined) return `${name} is missing`;
      return SECRET.test(name)
        ? `${name} is invalid: ${issue.message}`
        : `${name} is ${JSON.stringify(value)}: ${issue.message}`;
    }),
  );
}

const port = z.coerce.number().int().min(1).max(65535);

/** The variables that the yard gives to every service; spread into a service's own schema. */
export const serviceEnvironment = {
  HOST: z.string().default('127.0.0.1').describe('Address to listen on'),
  PORT: port.describe('HTTP port to listen on'),
  TCP_PORT: port.optional().describe('Port for request-response messages between services'),
  SERVICE_NAME: z.string().describe('Name of the service'),
  DEPLOYMENT_ID: z.string().describe('Deployment, such as users-7'),
  INSTANCE_ID: z.string().describe('Unique id of this process'),
  SERVICE_TOKEN: z.string().describe('Proves to the registry and to other services who this is'),
  REGISTRY_URL: z.url().describe('Where the registry answers'),
  GATEWAY_JWKS_URL: z.url().describe('Public keys that identity and service tokens are signed with'),
  LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal'])
    .default('info')
    .describe('Least severe log level that is written'),
};
export type ServiceEnvironment = z.infer<z.ZodObject<typeof serviceEnvironment>>;
