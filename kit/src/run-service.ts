/** Runs a service: everything between its environment and its application, from the first log line to the last. */
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { PROBLEM_MEDIA_TYPE } from '@switchyard/contracts/problem';
import type { ServiceEnvironment } from './config.ts';
import { problemOf, refuse, requestErrors } from './errors.ts';
import { healthRoutes } from './http/health.ts';
import type { ReadinessCheck, WhoAnswers } from './http/health.ts';
import { closeServer, listen } from './http/server.ts';
import { InFlight } from './in-flight.ts';
import { IdentityVerifier, remoteKeys, ServiceTokenVerifier } from './identity/tokens.ts';
import { Lifecycle } from './lifecycle.ts';
import { createLogger } from './log.ts';
import type { Logger } from './log.ts';
import { answerMetrics, createMetrics } from './metrics.ts';
import type { Registry } from './metrics.ts';
import { RegistryClient } from './registry/client.ts';
import { Finder } from './registry/finder.ts';
import { KIT_LEASE_MS, Registration } from './registry/registration.ts';
import { isRoutedTo, otherIsLive } from './registry/standing.ts';
import { TableWatch } from './registry/table-watch.ts';

/** What a service gets to build its application from. Close what is opened by `lifecycle.onStop`: last opened, first closed, all after the last answer. */
export interface ServiceParts {
  readonly environment: ServiceEnvironment;
  readonly log: Logger;
  readonly lifecycle: Lifecycle;
  readonly who: WhoAnswers;
  /** Verifies `x-switchyard-identity` for this service as audience. */
  readonly identity: IdentityVerifier;
  readonly serviceTokens: ServiceTokenVerifier;
  readonly registry: RegistryClient;
  readonly table: TableWatch;
  readonly finder: Finder;
  /** Whether another deployment of this service is live and up: then what only one deployment is to do (consuming events) is not to be done here. */
  readonly otherIsLive: () => boolean;
  readonly metrics: Registry;
}

export interface Assembled {
  /** Gets every request but the kit's own: `/health/…`, `/metrics`, `/openapi.json`, `/asyncapi.json`. */
  readonly listener: RequestListener;
  readonly checks?: readonly ReadinessCheck[];
  /** Registered beside host and port. */
  readonly endpoints?: Readonly<Record<string, { readonly port: number }>>;
  readonly upgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  /** Served at `/openapi.json`. */
  readonly openApi?: object;
  /** Served at `/asyncapi.json`. */
  readonly asyncApi?: object;
  /** Called once no new request is to be expected, before the wait for the running ones: end event streams here. */
  readonly onDrain?: () => Promise<void> | void;
}

/** A service that starts waits so long for the registry's table; it can answer without, as long as it needs no other service. */
const FIRST_TABLE_TIMEOUT_MS = 2_000;
/** Gateways route by the new table well within this time of the deregistration. */
const MOVED_ON_MS = 300;
/** Longest wait for running requests; lifecycle's grace is 9 s. */
const DRAIN_TIMEOUT_MS = 6_000;

/**
 * Listens at once (answering 503 until the application stands and the registry's table is there), assembles, becomes ready, registers.
 * Routes are the yard's business: the registration carries none. On SIGTERM or SIGINT: deregisters, goes on answering until no request is
 * running, then closes in order; where gateways may still send requests (the deployment is live), no sooner than 300 ms later. A failure
 * to start is logged, and the exit code is 1.
 */
export async function runService(
  environment: ServiceEnvironment,
  assemble: (parts: ServiceParts) => Promise<Assembled>,
): Promise<void> {
  const who = {
    service: environment.SERVICE_NAME,
    deployment: environment.DEPLOYMENT_ID,
    instance: environment.INSTANCE_ID,
  };
  const log = createLogger({ ...who, level: environment.LOG_LEVEL });
  const lifecycle = new Lifecycle(log);
  lifecycle.handleSignals(process);
  try {
    const parts = partsOf(environment, who, log, lifecycle);
    const door = new Door(who, lifecycle, parts.metrics);
    const server = await listen((request, response) => door.take(request, response), {
      host: environment.HOST,
      port: environment.PORT,
    });
    parts.table.start();
    lifecycle.onStop('table watch', () => parts.table.stop());
    const [assembled] = await Promise.all([assemble(parts), firstTable(parts)]);
    if (lifecycle.phase !== 'starting') return; // stopped meanwhile
    if (assembled.upgrade !== undefined) server.on('upgrade', assembled.upgrade);
    door.open(assembled);
    const registration = registrationOf(parts, assembled.endpoints ?? {});
    lifecycle.onStop('requests', () => drain({ server, door, registration, assembled, parts }));
    lifecycle.started();
    log.info({ host: environment.HOST, port: environment.PORT }, 'ready');
    await registration.start();
  } catch (error) {
    log.fatal({ err: error }, `cannot start: ${error instanceof Error ? error.message : String(error)}`);
    await lifecycle.stop('cannot start');
    process.exit(1);
  }
}

function partsOf(environment: ServiceEnvironment, who: WhoAnswers, log: Logger, lifecycle: Lifecycle): ServiceParts {
  const keys = remoteKeys(environment.GATEWAY_JWKS_URL);
  const table = new TableWatch({
    registryUrl: environment.REGISTRY_URL,
    watcher: environment.INSTANCE_ID,
    role: 'client',
    token: environment.SERVICE_TOKEN,
    log,
    onTable: () => finder.tableChanged(),
    inFlight: () => finder.inFlight(),
  });
  const finder = new Finder(table, () => table.acknowledge());
  return {
    environment,
    log,
    lifecycle,
    who,
    identity: new IdentityVerifier(keys, environment.SERVICE_NAME),
    serviceTokens: new ServiceTokenVerifier(keys),
    registry: new RegistryClient({ url: environment.REGISTRY_URL, token: environment.SERVICE_TOKEN }),
    table,
    finder,
    otherIsLive: () => otherIsLive(table.table, who),
    metrics: createMetrics(),
  };
}

function registrationOf(parts: ServiceParts, endpoints: NonNullable<Assembled['endpoints']>): Registration {
  const { environment, log, registry } = parts;
  return new Registration({
    client: registry,
    id: environment.INSTANCE_ID,
    registration: {
      service: environment.SERVICE_NAME,
      deployment: environment.DEPLOYMENT_ID,
      host: environment.HOST,
      port: environment.PORT,
      endpoints,
      health: '/health/ready',
      leaseMs: KIT_LEASE_MS,
    },
    log,
  });
}

/** Resolves also when none comes in time: a registry that is away keeps no service from starting. */
async function firstTable({ table, lifecycle, log }: ServiceParts): Promise<void> {
  const given = AbortSignal.any([lifecycle.signal, AbortSignal.timeout(FIRST_TABLE_TIMEOUT_MS)]);
  await table.first(given).catch(() => log.warn('the registry has told of no table yet; starting without'));
}

interface Draining {
  readonly server: Server;
  readonly door: Door;
  readonly registration: Registration;
  readonly assembled: Assembled;
  readonly parts: ServiceParts;
}

/** A deployment that is not live was left by every gateway before it was told to stop: then nobody has to be waited for but who is here. */
async function drain({ server, door, registration, assembled, parts }: Draining): Promise<void> {
  const movedOnMs = isRoutedTo(parts.table.table, parts.who) ? MOVED_ON_MS : 0;
  await registration.stop();
  door.seeOff();
  parts.log.info({ movedOnMs }, 'draining');
  await pause(movedOnMs);
  await assembled.onDrain?.();
  await door.emptied(DRAIN_TIMEOUT_MS);
  await closeServer(server, 500);
}

/** The first to see a request: answers what the kit answers, and passes on the rest. */
class Door {
  private readonly answering = new Set<ServerResponse>();
  private readonly inFlight = new InFlight();
  private isSeeingOff = false;
  private readonly health: ReturnType<typeof healthRoutes>;
  private readonly metrics: Registry;
  private assembled: Assembled | null = null;

  constructor(who: WhoAnswers, lifecycle: Lifecycle, metrics: Registry) {
    this.health = healthRoutes(who, lifecycle, () => this.assembled?.checks ?? []);
    this.metrics = metrics;
  }

  open(assembled: Assembled): void {
    this.assembled = assembled;
  }

  /** From now on answers say `Connection: close`: whoever is still sending has learnt of it before connections are closed under them. */
  seeOff(): void {
    this.isSeeingOff = true;
    for (const response of this.answering) if (!response.headersSent) response.setHeader('connection', 'close');
  }

  /** Resolves when no request is running, or after `timeoutMs`. */
  async emptied(timeoutMs: number): Promise<void> {
    await this.inFlight.ended(timeoutMs);
  }

  take(request: IncomingMessage, response: ServerResponse): void {
    const ended = this.inFlight.begin();
    this.answering.add(response);
    if (this.isSeeingOff) response.setHeader('connection', 'close');
    response.once('close', () => {
      this.answering.delete(response);
      ended();
    });
    this.health(request, response, () => {
      if (this.assembled === null) return answerNotYet(response);
      if (request.method === 'GET' && this.answersItself(request, response, this.assembled)) return;
      this.assembled.listener(request, response);
    });
  }

  private answersItself(request: IncomingMessage, response: ServerResponse, assembled: Assembled): boolean {
    switch (request.url) {
      case '/metrics':
        // the proxy says so when a request came from outside, and to those the figures are nobody's business
        if (request.headers['x-forwarded-for'] !== undefined || request.headers.forwarded !== undefined) return false;
        answerMetrics(this.metrics, response);
        return true;
      case '/openapi.json':
        return answerDocument(response, assembled.openApi);
      case '/asyncapi.json':
        return answerDocument(response, assembled.asyncApi);
      default:
        return false;
    }
  }
}

function answerDocument(response: ServerResponse, document: object | undefined): boolean {
  if (document === undefined) return false;
  response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(document));
  return true;
}

function answerNotYet(response: ServerResponse): void {
  const problem = problemOf(refuse(requestErrors.UNAVAILABLE, { detail: 'It is starting' }));
  response
    .writeHead(problem.status, { 'content-type': PROBLEM_MEDIA_TYPE, 'cache-control': 'no-store', 'retry-after': '1' })
    .end(JSON.stringify(problem));
}
