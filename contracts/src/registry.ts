/** The registry's wire: registrations, the table, the watch, and the compare-and-set of what is live. */
import { z } from 'zod';
import type { Operations } from './operation.ts';
import { problem } from './problem.ts';
import { route, routePolicy } from './route.ts';

export const serviceName = z
  .string()
  .regex(
    /^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$/,
    'must be 1 to 40 of a-z, 0-9 and -, begin with a letter and not end with -',
  );
/** `users-7`: the service's name, a dash, a number that counts up. */
export const deploymentId = z.string().regex(/^[a-z][a-z0-9-]{0,60}$/, 'must be a deployment id such as users-7');
export const instanceId = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,119}$/, 'must be 1 to 120 of letters, digits and . _ : -');
export const side = z.enum(['blue', 'green']);
export type Side = z.infer<typeof side>;
const port = z.int().min(1).max(65535);
const host = z.string().min(1).max(253);

/** Named further addresses of an instance, `{ tcp: { host, port } }`: what is not HTTP. */
export const endpoints = z.record(
  z.string().regex(/^[a-z][a-z0-9-]{0,19}$/),
  z.strictObject({ host: host.optional(), port }),
);

export const instanceStatus = z.enum(['UP', 'STARTING', 'DOWN', 'OUT_OF_SERVICE', 'UNKNOWN']);

export const LEASE_MIN_MS = 1_000;
export const LEASE_MAX_MS = 3_600_000;

/** Body of `PUT /v1/instances/{id}`. */
export const registration = z.strictObject({
  service: serviceName,
  deployment: deploymentId.optional().describe('Defaults to `{service}-1`'),
  host: host.default('127.0.0.1'),
  port,
  routes: z.array(route).max(100).default([]),
  leaseMs: z.int().min(LEASE_MIN_MS).max(LEASE_MAX_MS).default(30_000),
  version: z.string().max(100).default(''),
  side: side.optional(),
  endpoints: endpoints.default({}),
  status: instanceStatus.default('UP'),
  weight: z.number().min(0).max(1000).default(1),
  zone: z.string().max(100).default(''),
  metadata: z.record(z.string().max(100), z.string().max(1000)).default({}),
  health: z
    .string()
    .startsWith('/')
    .max(500)
    .optional()
    .describe('HTTP path that answers 2xx while the instance is well; without it a TCP connect is the probe'),
});
export type Registration = z.infer<typeof registration>;
export type RegistrationInput = z.input<typeof registration>;

/** Answer to registration and renewal. */
export const leaseAnswer = z.object({ id: instanceId, leaseMs: z.int(), revision: z.int() });

export const instance = z.object({
  id: instanceId,
  host: z.string(),
  port,
  endpoints,
  status: instanceStatus,
  weight: z.number(),
  zone: z.string(),
  metadata: z.record(z.string(), z.string()),
});
export type Instance = z.infer<typeof instance>;

/** Routes as the registry answers them; fields that a newer registry adds are left out instead of refused. */
const tableRoutes = z.array(routePolicy.strip());

export const deployment = z.object({
  version: z.string(),
  side: side.nullable(),
  routes: tableRoutes,
  instances: z.array(instance),
});
export type Deployment = z.infer<typeof deployment>;

/**
 * Shares of traffic by deployment while a canary runs, in percent, adding up to 100; null: all to `live`. A deployment with the
 * share 0 is a preview: it gets only requests that ask for it with the operator's token.
 */
export const split = z.record(deploymentId, z.int().min(0).max(100)).nullable();

export const serviceEntry = z.object({
  declared: z
    .boolean()
    .describe('Whether a yard file declares it; then only its SERVICE_TOKEN or the operator may write'),
  routes: tableRoutes
    .optional()
    .describe('Routes of the declaration, also while nothing is live; absent when no yard file declares the service'),
  live: deploymentId.nullable(),
  standby: deploymentId.nullable(),
  split,
  deployments: z.record(deploymentId, deployment),
});
export type ServiceEntry = z.infer<typeof serviceEntry>;

/** What everybody routes by. `epoch` counts changes of what is live; `revision` counts every change, instances included. */
export const table = z.object({
  epoch: z.int().min(0),
  revision: z.int().min(0),
  services: z.record(serviceName, serviceEntry),
});
export type Table = z.infer<typeof table>;

/** A `change` on the watch: the entries that changed, whole; null for a service that is gone. */
export const change = z.object({
  epoch: z.int(),
  revision: z.int(),
  services: z.record(serviceName, serviceEntry.nullable()),
});
export type Change = z.infer<typeof change>;

export const watchQuery = z.strictObject({
  watcher: instanceId.optional().describe('Needed when `role` is given'),
  role: z
    .enum(['gateway', 'client'])
    .optional()
    .describe('A watcher that routes: it has a lease, and must acknowledge'),
});

/** What a watcher has sent to one deployment since the watcher started; the numbers only grow. */
export const traffic = z.object({
  requests: z.int().min(0).describe('Requests that have ended, those aside whose client went away'),
  failed: z.int().min(0).describe('Of these: answered 5xx by the service, or not answered (refused, reset, timed out)'),
  latencyMs: z.number().min(0).describe('Sum over `requests` of the time to the head of the answer, in milliseconds'),
});
export type Traffic = z.infer<typeof traffic>;

/** Body of `PUT /v1/watchers/{id}/ack`; it also renews the watcher's lease (10 s). */
export const acknowledgement = z.strictObject({
  epoch: z.int().min(0),
  inFlight: z.record(deploymentId, z.int().min(0)).default({}),
  traffic: z.record(deploymentId, traffic).default({}),
});
export type Acknowledgement = z.infer<typeof acknowledgement>;
export const WATCHER_LEASE_MS = 10_000;

export const watchers = z.object({
  watchers: z.array(
    z.object({
      id: instanceId,
      role: z.enum(['gateway', 'client']),
      connected: z.boolean(),
      epoch: z.int().nullable().describe('Last acknowledged'),
      inFlight: z.record(deploymentId, z.int()),
      traffic: z.record(deploymentId, traffic).default({}),
      leaseExpiresInMs: z.int(),
    }),
  ),
});
export type Watchers = z.infer<typeof watchers>;

/** Body of `POST /v1/live`: compare-and-set of what is live, all named services in one epoch or none. Operator's token. */
export const liveChange = z.strictObject({
  changes: z
    .record(
      serviceName,
      z.strictObject({
        live: deploymentId.nullable(),
        standby: deploymentId.nullable().default(null),
        split: split.default(null),
      }),
    )
    .refine((changes) => Object.keys(changes).length > 0, 'must name a service'),
  expect: z.int().min(0).describe('The epoch that the caller decided by'),
  locks: z
    .record(serviceName, z.int())
    .default({})
    .describe('Fencing tokens; needed for services whose lock is held, refused when they are of no lock that is held'),
});
export type LiveChange = z.infer<typeof liveChange>;
export type LiveChangeInput = z.input<typeof liveChange>;
export const liveAnswer = z.object({ epoch: z.int() });
/** A 409 of `POST /v1/live` for its `expect` or its `locks` (REGISTRY_EPOCH_MOVED, REGISTRY_LOCK_…) also says what the current epoch is. */
export const epochMovedProblem = problem.extend({ epoch: z.int() });

/** What is live as it was decided, whatever instances there are: answered also while the registry recovers. */
export const liveDecisions = z.object({
  epoch: z.int(),
  services: z.record(serviceName, z.object({ live: deploymentId.nullable(), standby: deploymentId.nullable(), split })),
});
export type LiveDecisions = z.infer<typeof liveDecisions>;

export const LOCK_TTL_MIN_MS = 1_000;
export const LOCK_TTL_MAX_MS = 600_000;

/**
 * Body of the calls on a service's lock. POST takes it, and gives a new token also to the holder who has it already, so that what he
 * sent before (or a process of his that was thought dead) is refused; PUT renews and keeps the token; DELETE releases.
 */
export const lockRequest = z.strictObject({
  holder: z.string().min(1).max(200).describe('Who takes it; unique to one piece of work, such as one swap'),
  ttlMs: z.int().min(LOCK_TTL_MIN_MS).max(LOCK_TTL_MAX_MS).default(10_000),
});
/** `ttlMs` may be sent with every call on a lock; DELETE does not read it. */
export const lockRelease = lockRequest.extend({ ttlMs: lockRequest.shape.ttlMs.unwrap().optional() });
export type LockRequestInput = z.input<typeof lockRequest>;
export const lockAnswer = z.object({
  service: serviceName,
  holder: z.string(),
  token: z.int().describe('Larger than every token given before, also across restarts'),
  ttlMs: z.int(),
});
export type LockAnswer = z.infer<typeof lockAnswer>;
/** The 409 of a lock that somebody else holds (REGISTRY_LOCK_HELD) also says who, and for how long at most. */
export const lockHeldProblem = problem.extend({ holder: z.string(), expiresInMs: z.int() });

/** Body of `PUT /v1/declarations`: every service that the yard file declares; replaces what was declared. Operator's token. */
export const declarations = z.strictObject({
  services: z.record(serviceName, z.strictObject({ routes: z.array(route).max(100).default([]) })),
});
export type Declarations = z.infer<typeof declarations>;
export type DeclarationsInput = z.input<typeof declarations>;

const instanceParams = z.strictObject({ id: instanceId });
const serviceParams = z.strictObject({ service: serviceName });

/** Any request can get these: the registry is for programs on this machine, not for web pages. */
const EVERYWHERE = ['REGISTRY_HOST_REFUSED', 'REGISTRY_WEB_PAGE_REFUSED'] as const;
/** Those that bring a token or should. */
const WITH_TOKEN = [...EVERYWHERE, 'REGISTRY_TOKEN_REFUSED'] as const;
const FOR_SERVICES = [...WITH_TOKEN, 'REQUEST_NOT_A_SERVICE'] as const;
const FOR_OPERATOR = [...WITH_TOKEN, 'REQUEST_NOT_THE_OPERATOR', 'REGISTRY_NOT_SAVED', 'REGISTRY_FULL'] as const;

export const registryOperations = {
  readTable: {
    method: 'GET',
    path: '/v1/table',
    summary: 'The whole table',
    access: 'public',
    answer: { status: 200, schema: table },
    errors: [...EVERYWHERE, 'REGISTRY_RECOVERING'],
  },
  register: {
    method: 'PUT',
    path: '/v1/instances/{id}',
    summary: 'Register an instance (201), or renew it with all it says (200)',
    access: 'service',
    params: instanceParams,
    body: registration,
    answer: { status: 201, schema: leaseAnswer },
    errors: [
      ...FOR_SERVICES,
      'REGISTRY_NAME_DECLARED',
      'REGISTRY_ROUTE_TAKEN',
      'REGISTRY_INSTANCE_OF_ANOTHER_SERVICE',
      'REGISTRY_ADDRESS_NOT_ALLOWED',
      'REGISTRY_FULL',
      'REGISTRY_NOT_SAVED',
    ],
  },
  renew: {
    method: 'PUT',
    path: '/v1/instances/{id}/lease',
    summary: 'Renew a lease; 404 asks to register again',
    access: 'service',
    params: instanceParams,
    answer: { status: 200, schema: leaseAnswer },
    errors: [...FOR_SERVICES, 'REGISTRY_INSTANCE_UNKNOWN'],
  },
  deregister: {
    method: 'DELETE',
    path: '/v1/instances/{id}',
    summary: 'Remove an instance',
    access: 'service',
    params: instanceParams,
    answer: { status: 204 },
    errors: [...FOR_SERVICES, 'REGISTRY_INSTANCE_UNKNOWN'],
  },
  watch: {
    method: 'GET',
    path: '/v1/watch',
    summary:
      'Server-sent events: `table`, then `change` with its revision as id; `Last-Event-ID` resumes, `resync` when it is too old',
    access: 'public',
    query: watchQuery,
    answer: { status: 200, mediaType: 'text/event-stream' },
    errors: [...EVERYWHERE, 'REGISTRY_RECOVERING', 'REGISTRY_FULL'],
  },
  acknowledge: {
    method: 'PUT',
    path: '/v1/watchers/{id}/ack',
    summary: 'Say which epoch a watcher routes by and what it has in flight',
    access: 'service',
    params: instanceParams,
    body: acknowledgement,
    answer: { status: 204 },
    errors: [...FOR_SERVICES, 'REGISTRY_WATCHER_UNKNOWN'],
  },
  readWatchers: {
    method: 'GET',
    path: '/v1/watchers',
    summary: 'What each watcher that routes has acknowledged',
    access: 'public',
    answer: { status: 200, schema: watchers },
    errors: [...EVERYWHERE, 'REGISTRY_RECOVERING'],
  },
  readLive: {
    method: 'GET',
    path: '/v1/live',
    summary: 'What is live as it was decided; answered also while the registry recovers',
    access: 'public',
    answer: { status: 200, schema: liveDecisions },
    errors: [...EVERYWHERE],
  },
  lock: {
    method: 'POST',
    path: '/v1/services/{service}/lock',
    summary: 'Take the lock of a service, with a fencing token',
    access: 'operator',
    params: serviceParams,
    body: lockRequest,
    answer: { status: 200, schema: lockAnswer },
    errors: [...FOR_OPERATOR, 'REGISTRY_LOCK_HELD', 'REGISTRY_SERVICE_UNKNOWN'],
  },
  renewLock: {
    method: 'PUT',
    path: '/v1/services/{service}/lock',
    summary: 'Renew a lock; 409 when it is not (or no longer) held by this holder',
    access: 'operator',
    params: serviceParams,
    body: lockRequest,
    answer: { status: 200, schema: lockAnswer },
    errors: [...FOR_OPERATOR, 'REGISTRY_LOCK_HELD', 'REGISTRY_LOCK_UNKNOWN'],
  },
  unlock: {
    method: 'DELETE',
    path: '/v1/services/{service}/lock',
    summary: 'Release a lock; one that is not held is released already',
    access: 'operator',
    params: serviceParams,
    body: lockRelease,
    answer: { status: 204 },
    errors: [...FOR_OPERATOR, 'REGISTRY_LOCK_HELD'],
  },
  setLive: {
    method: 'POST',
    path: '/v1/live',
    summary: 'Compare-and-set of what is live',
    access: 'operator',
    body: liveChange,
    answer: { status: 200, schema: liveAnswer },
    errors: [
      ...FOR_OPERATOR,
      'REGISTRY_EPOCH_MOVED',
      'REGISTRY_DEPLOYMENT_EMPTY',
      'REGISTRY_SERVICE_UNKNOWN',
      'REGISTRY_SPLIT_INVALID',
      'REGISTRY_LOCK_UNKNOWN',
      'REGISTRY_LOCK_HELD',
      'REGISTRY_RECOVERING',
    ],
  },
  declare: {
    method: 'PUT',
    path: '/v1/declarations',
    summary: 'Say which services the yard file declares',
    access: 'operator',
    body: declarations,
    answer: { status: 200, schema: liveAnswer },
    errors: [...FOR_OPERATOR, 'REGISTRY_ROUTE_TAKEN'],
  },
} as const satisfies Operations;
