/** The gateway's environment, checked as a whole before anything starts. */
import { readConfig } from '@switchyard/kit/config';
import { gatewaySettings } from '@switchyard/contracts/gateway-settings';
import { z } from 'zod';

const origin = /^https?:\/\/(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?$/;

export const gatewayEnvironment = z.object({
  HOST: z.string().default('127.0.0.1').describe('Address to listen on'),
  PORT: z.coerce.number().int().min(0).max(65535).default(8000).describe('Port to listen on; 0 takes a free one'),
  ADMIN_PORT: z.coerce
    .number()
    .int()
    .min(0)
    .max(65535)
    .default(8001)
    .describe('Port of metrics, routes and breakers, on 127.0.0.1 alone; 0 takes a free one'),
  SERVICE_NAME: z.string().default('gateway').describe('Name under which it logs'),
  DEPLOYMENT_ID: z.string().default('gateway-1').describe('Deployment'),
  INSTANCE_ID: z.string().min(1).describe('Unique id of this process; its name as a watcher of the registry'),
  SERVICE_TOKEN: z.string().min(1).describe('Proves to the registry and to the session store who this is'),
  REGISTRY_URL: z.url().default('http://127.0.0.1:7000').describe('Where the registry answers'),
  KEYS_DIR: z.string().default('.yard/keys').describe('Where signing keys live, shared by all gateways of the yard'),
  CORS_ORIGINS: z
    .string()
    .default('')
    .transform((written) =>
      written
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    )
    .pipe(z.array(z.string().regex(origin, 'must be exact origins such as http://localhost:3333, separated by commas')))
    .describe('Origins whose pages may call with credentials, separated by commas; never *'),
  SESSIONS_SERVICE: z.string().default('users').describe('The service that knows passwords and sessions'),
  TCP_PORT: z.coerce
    .number()
    .int()
    .min(1)
    .max(65535)
    .optional()
    .describe('Port of this process alone, on 127.0.0.1: who it is, and whether it accepts at the door; absent: none'),
  SUCCESSOR_FILE: z.string().optional().describe('Launch file that SIGUSR2 starts a successor from; needs TCP_PORT'),
  LISTEN_PID: z.coerce.number().int().optional().describe('Process that the sockets below were given to'),
  LISTEN_FDS: z.coerce
    .number()
    .int()
    .min(0)
    .max(16)
    .default(0)
    .describe('Listening sockets given, from descriptor 3 on'),
  LISTEN_FDNAMES: z.string().default('').describe('Their names, separated by colons: door, door-tls, admin'),
  WORKER: z.coerce
    .number()
    .int()
    .min(1)
    .max(64)
    .default(1)
    .describe('Number of this worker; the first one starts the others, and gives it to them'),
  TLS_TICKET_KEYS: z
    .string()
    .regex(/^[0-9a-f]{96}$/)
    .optional()
    .describe('Keys of TLS session tickets, in hex; the first worker makes them up and gives them to the others'),
  PREDECESSOR_ID: z.string().optional().describe('Who gave the sockets: it goes on until SIGUSR2 says to take over'),
  PREDECESSOR_PORT: z.coerce.number().int().min(1).max(65535).optional().describe('Private port of the predecessor'),
  OPERATOR_TOKEN_SHA256: z
    .string()
    .regex(/^[0-9a-f]{64}$/i, 'must be 64 digits of hex')
    .optional()
    .describe("SHA-256 of the operator's token, which opens previews; without it nothing does"),
  GATEWAY_SETTINGS: z
    .string()
    .default('{}')
    .transform((written, context) => {
      try {
        return JSON.parse(written) as unknown;
      } catch {
        context.addIssue('must be JSON');
        return z.NEVER;
      }
    })
    .pipe(gatewaySettings)
    .describe('Limits, breaker, TLS, tracing and the like as JSON: what switchyard.yaml has below `gateway`'),
  LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal'])
    .default('info')
    .describe('Least severe log level that is written'),
});
export type GatewayEnvironment = Readonly<z.infer<typeof gatewayEnvironment>>;

/** @throws ConfigError naming every fault */
export const readGatewayConfig = (environment: NodeJS.ProcessEnv): GatewayEnvironment =>
  readConfig(gatewayEnvironment, environment);
