/** The form of `switchyard.yaml`: what a user may write in it, and what it means with every default filled in. */
import { z } from 'zod';
import { gatewaySettings } from './gateway-settings.ts';
import { serviceName } from './registry.ts';
import { route } from './route.ts';

export const SIDE_PORTS_EXAMPLE = '[3010, 3020]';
export const INSTANCES_MAX = 32;
export const SERVICES_MAX = 200;

/** Variables that the yard gives to every process; `${NAME}` in `run` and `env` is replaced by their values. */
export const GIVEN_VARIABLES = [
  'HOST',
  'PORT',
  'TCP_PORT',
  'SERVICE_NAME',
  'DEPLOYMENT_ID',
  'INSTANCE_ID',
  'SERVICE_TOKEN',
  'REGISTRY_URL',
  'GATEWAY_JWKS_URL',
  'DATABASE_URL',
  'BROKER_URL',
] as const;

/** Names that a service may not have, because the yard's own parts do. */
export const RESERVED_SERVICE_NAMES: readonly string[] = ['registry', 'gateway', 'postgres', 'yard'];
/** Databases of the server itself. */
export const RESERVED_DATABASE_NAMES: readonly string[] = ['postgres', 'template0', 'template1'];

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const DURATION = /^(0|[1-9][0-9]{0,8})(ms|s|m|h)$/;

/** Milliseconds of `30s`, `500ms`, `2m` or `1h`; null when it is not written like that. */
export function durationMs(written: string): number | null {
  const parts = DURATION.exec(written);
  return parts === null ? null : Number(parts[1]) * UNIT_MS[parts[2]!]!;
}

const port = z
  .int({ error: 'must be a port: a whole number from 1 to 65535' })
  .min(1, 'must be a port: a whole number from 1 to 65535')
  .max(65535, 'must be a port: a whole number from 1 to 65535');

const duration = (range: { minMs: number; maxMs: number; says: string }) => {
  const error = `must be a duration such as ${range.says}`;
  return z
    .string({ error })
    .regex(DURATION, error)
    .refine((written) => {
      const ms = durationMs(written);
      return ms === null || (ms >= range.minMs && ms <= range.maxMs);
    }, error)
    .transform((written) => durationMs(written)!);
};

const words = (says: string, maxLength: number) =>
  z
    .string({ error: `must be ${says}` })
    .max(maxLength, `must have at most ${maxLength} characters`)
    .refine((text) => text.trim() !== '', `must be ${says}`)
    .refine((text) => !text.includes('\u0000'), 'must not contain NUL');

const command = (says: string) => words(says, 4_000);

const ENVIRONMENT_VALUE = 'must be a text, a number, true or false (write "" for an empty one)';
const environment = z.record(
  z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be letters, digits and _, and not begin with a digit'),
  z
    .union([z.string().max(32_768), z.number(), z.boolean()], { error: ENVIRONMENT_VALUE })
    .refine((value) => !String(value).includes('\u0000'), 'must not contain NUL')
    .transform((value) => String(value)),
  { error: 'must be names and values, such as { LOG_LEVEL: info }' },
);

const ORIGIN_SAYS = 'must be an exact origin such as http://localhost:3333: scheme, host and port, no path, no *';
const origin = z.string({ error: ORIGIN_SAYS }).refine((written) => {
  try {
    const url = new URL(written);
    return (url.protocol === 'http:' || url.protocol === 'https:') && url.origin === written;
  } catch {
    return false;
  }
}, ORIGIN_SAYS);

const databaseName = z
  .string({ error: 'must be the name of a database, such as users' })
  .regex(/^[a-z_][a-z0-9_]{0,62}$/, 'must be 1 to 63 of a-z, 0-9 and _, and not begin with a digit')
  .refine(
    (name) => !RESERVED_DATABASE_NAMES.includes(name) && !name.startsWith('pg_'),
    "must not be one of the server's own (postgres, template0, template1, pg_…)",
  );

const INSTANCES_SAYS = `must be a whole number from 1 to ${INSTANCES_MAX}`;
const HEALTH_SAYS = 'must be a path that begins with /, such as /health/ready';

const path = z.string({ error: HEALTH_SAYS }).regex(/^\/[^\s#]{0,1999}$/, HEALTH_SAYS);

const REVERT_DEFAULT = { minRequests: 20, errorRatio: 0.05, latencyRatio: 3 };
const ratio = (min: number, max: number) => {
  const error = `must be a number from ${min} to ${max}`;
  return z.number({ error }).min(min, error).max(max, error);
};
const REQUESTS_SAYS = 'must be a whole number from 1 to 1000000';
/** When a new deployment is worse than the one before. */
const revert = z.strictObject(
  {
    minRequests: z
      .int({ error: REQUESTS_SAYS })
      .min(1, REQUESTS_SAYS)
      .max(1_000_000, REQUESTS_SAYS)
      .default(REVERT_DEFAULT.minRequests)
      .describe('Fewer requests than this within ten seconds decide nothing'),
    errorRatio: ratio(0, 1)
      .default(REVERT_DEFAULT.errorRatio)
      .describe('Share of failed requests above that of the deployment before, 0 to 1'),
    latencyRatio: ratio(1, 1_000)
      .default(REVERT_DEFAULT.latencyRatio)
      .describe('Mean time to the answer, as a multiple of that of the deployment before'),
  },
  { error: 'must be { minRequests, errorRatio, latencyRatio }' },
);

/** One entry of `services`. */
const service = z
  .strictObject(
    {
      dir: words('a folder, relative to this file', 1_000)
        .default('.')
        .describe('Folder of the service, relative to this file; build and run start there'),
      build: command('a command, such as npm run build')
        .optional()
        .describe('Command that builds it, run before a deployment is made'),
      run: command('a command, such as node dist/main.js').describe(
        'Command that runs one instance, in any language; ${PORT} and the other variables are filled in',
      ),
      ports: z
        .tuple([port, port], { error: `must be two ports, such as ${SIDE_PORTS_EXAMPLE}` })
        .describe('The port of each side; further instances get free ports'),
      instances: z
        .int({ error: INSTANCES_SAYS })
        .min(1, INSTANCES_SAYS)
        .max(INSTANCES_MAX, INSTANCES_SAYS)
        .default(1)
        .describe('Processes per deployment'),
      needs: z
        .array(serviceName, { error: 'must be a list of services, such as [users]' })
        .max(SERVICES_MAX)
        .default([])
        .describe('Services whose readiness it waits for'),
      env: environment.default({}).describe('Further variables; secrets as ${env:NAME} or ${file:PATH}, never printed'),
      routes: z
        .array(route, { error: 'must be a list of paths, such as [/api/users]' })
        .max(100)
        .default([])
        .describe('Path prefixes that the gateway sends here'),
      health: z
        .string({ error: HEALTH_SAYS })
        .regex(/^\/[^\s#]{0,499}$/, HEALTH_SAYS)
        .optional()
        .describe('Path that answers any 2xx while an instance is well; without it, a TCP connect'),
      startTimeout: duration({ minMs: 100, maxMs: 3_600_000, says: '30s (100ms to 1h)' })
        .default(30_000)
        .describe('Longest time from start to health'),
      stopGrace: duration({ minMs: 0, maxMs: 3_600_000, says: '10s (0s to 1h)' })
        .default(10_000)
        .describe('Time from SIGTERM to SIGKILL'),
      postgres: databaseName
        .optional()
        .describe('A database of its own, on the embedded server or on the one at YARD_POSTGRES_URL'),
      migrate: command('a command, such as node dist/migrate.js')
        .optional()
        .describe('Run from a new deployment before it starts; must leave the one that is live working (expand)'),
      contract: command('a command, such as node dist/contract.js')
        .optional()
        .describe('Run from a new deployment once it alone is left, after the bake (contract)'),
      warm: z
        .array(path, { error: 'must be a list of paths, such as [/api/users?query=a]' })
        .max(50)
        .default([])
        .describe('Paths asked of each new instance (GET) before it gets traffic'),
      bake: duration({ minMs: 0, maxMs: 86_400_000, says: '30s (0s to 24h)' })
        .default(30_000)
        .describe('How long the deployment before stays hot after a swap, and the new one is watched'),
      drainTimeout: duration({ minMs: 0, maxMs: 86_400_000, says: '30s (0s to 24h)' })
        .default(30_000)
        .describe('Longest wait for the requests that run on a deployment before it is stopped'),
      revert: revert.default(REVERT_DEFAULT).describe('When a swap is taken back by itself during its bake'),
    },
    { error: 'must be a service: at least run and ports' },
  )
  .transform(({ startTimeout, stopGrace, bake, drainTimeout, ...rest }) => ({
    ...rest,
    startTimeoutMs: startTimeout,
    stopGraceMs: stopGrace,
    bakeMs: bake,
    drainTimeoutMs: drainTimeout,
  }));

const registry = z.strictObject(
  { port: port.default(7000).describe('Port of the registry, on loopback') },
  { error: 'must be { port }' },
);

const GATEWAY_PLACE = ['port', 'adminPort', 'host', 'cors', 'sessions'];
const gateway = z
  .strictObject(
    {
      port: port.default(8000).describe('Port of the one door'),
      adminPort: port
        .optional()
        .describe('Port of metrics, routes and breakers, on loopback; one more than `port` when absent'),
      host: words('an address to listen on, such as 127.0.0.1 or 0.0.0.0', 253)
        .regex(/^[A-Za-z0-9.:_-]+$/, 'must be an address to listen on, such as 127.0.0.1 or 0.0.0.0')
        .default('127.0.0.1')
        .describe('Address that the door listens on'),
      cors: z
        .strictObject(
          {
            origins: z
              .array(origin, { error: 'must be a list of origins, such as ["http://localhost:3333"]' })
              .max(100)
              .default([])
              .describe('Origins whose pages may call, with credentials'),
          },
          { error: 'must be { origins }' },
        )
        .default({ origins: [] })
        .describe('Cross-origin requests'),
      sessions: serviceName
        .default('users')
        .describe('The service that checks passwords and keeps sessions (/internal/sessions)'),
      ...gatewaySettings.shape,
    },
    { error: `must be { ${[...GATEWAY_PLACE, ...Object.keys(gatewaySettings.shape)].join(', ')} }` },
  )
  .transform(({ port, adminPort, host, cors, sessions, ...settings }) => ({
    port,
    adminPort: adminPort ?? port + 1,
    host,
    cors,
    sessions,
    settings,
  }));

export const yardFile = z
  .strictObject(
    {
      registry: registry.default({ port: 7000 }).describe('The service registry'),
      gateway: gateway.prefault({}).describe('The one door'),
      services: z
        .record(serviceName, service, { error: 'must be names and services' })
        .refine((services) => Object.keys(services).length > 0, 'must have at least one service')
        .refine(
          (services) => Object.keys(services).length <= SERVICES_MAX,
          `must have at most ${SERVICES_MAX} services`,
        )
        .describe('What runs, by name'),
    },
    { error: 'must have services, and may have registry and gateway' },
  )
  .meta({ title: 'switchyard.yaml', description: 'One file that says what runs in a yard' });

/** With every default filled in and durations in milliseconds. */
export type YardFile = z.output<typeof yardFile>;
export type ServiceDeclaration = YardFile['services'][string];
export type YardFileInput = z.input<typeof yardFile>;
