/** Puts the gateway together, starts it and stops it in order. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Table } from '@switchyard/contracts/registry';
import { closeServer, listenOn } from '@switchyard/kit/http/server';
import { systemClock } from '@switchyard/kit/clock';
import type { Logger } from '@switchyard/kit/log';
import { createMetrics } from '@switchyard/kit/metrics';
import { TableWatch } from '@switchyard/kit/registry/table-watch';
import type { GatewayEnvironment } from './config.ts';
import { Gcra } from './gcra.ts';
import { adminInterface } from './http/admin-interface.ts';
import { FrontDoor } from './http/front-door.ts';
import { OWN_ROUTES, ownInterface } from './http/own-interface.ts';
import { CorsPolicy } from './message/cors-policy.ts';
import { AccessLog } from './observe/access-log.ts';
import { Metrics } from './observe/metrics.ts';
import { PreviewToken } from './routing/preview-token.ts';
import { RoutingTable } from './routing/routing-table.ts';
import type { OwnAddress } from './routing/upstream-address.ts';
import { AccessTokens } from './sessions/access-tokens.ts';
import { EndedPoll } from './sessions/ended-poll.ts';
import { EndedSessions } from './sessions/ended-sessions.ts';
import { IdentityTokens } from './sessions/identity-tokens.ts';
import { KeyRing } from './sessions/key-ring.ts';
import { Refresher } from './sessions/refresher.ts';
import { SessionStore } from './sessions/session-store.ts';
import { SignInLimit } from './sessions/sign-in-limit.ts';
import { Deadlines } from './upstream/deadlines.ts';
import { OpenStreams } from './upstream/open-streams.ts';
import { Way } from './way.ts';

/** How long the first table is waited for before listening without one; until it comes, requests get 503. */
const FIRST_TABLE_MS = 10_000;
/** How long it is waited for which sessions ended before: nobody who signed out is let in by a gateway that has just started. */
const FIRST_ENDED_MS = 2_000;
/** How long running requests may take when the gateway stops. */
const STOP_GRACE_MS = 7_000;

export interface Gateway {
  readonly port: number;
  readonly adminPort: number;
  /** Stops accepting, ends streams, answers what runs, closes everything. */
  stop(): Promise<void>;
}

export interface GatewayOptions {
  readonly environment: GatewayEnvironment;
  readonly log: Logger;
  /** Where access log lines go. */
  readonly writeLines: (lines: string) => void;
  readonly firstTableMs?: number;
  /** Default: whether level info is logged. */
  readonly isAccessLogged?: boolean;
}

export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { environment, log } = options;
  const { nowMs, after } = systemClock;
  const streams = new OpenStreams(after, (sessionId) => ended.has(sessionId));
  const deadlines = new Deadlines(nowMs);
  const cors = new CorsPolicy(environment.CORS_ORIGINS);
  const routing = new RoutingTable(OWN_ROUTES, {
    streams,
    own: ownAddresses(environment),
    nowMs,
    warn: (facts, message) => log.warn(facts, message),
    drained: () => watch.acknowledge(),
  });
  const keys = await KeyRing.open(environment.KEYS_DIR, log);
  const ended = new EndedSessions((sessionId) => streams.endOfSession(sessionId), nowMs);
  const accessTokens = new AccessTokens(keys, ended);
  const store = new SessionStore({
    routing,
    service: environment.SESSIONS_SERVICE,
    token: environment.SERVICE_TOKEN,
    log,
    nowMs,
  });
  const refresher = new Refresher(store, accessTokens, ended);
  const metrics = new Metrics();
  const who = {
    service: environment.SERVICE_NAME,
    deployment: environment.DEPLOYMENT_ID,
    instance: environment.INSTANCE_ID,
  };
  const accessLog = new AccessLog({
    bindings: who,
    write: options.writeLines,
    isEnabled: options.isAccessLogged ?? log.isLevelEnabled('info'),
  });
  const own = ownInterface({
    sessions: { store, refresher, ended, accessTokens, signInLimit: new SignInLimit(nowMs) },
    keys,
    log,
    isReady: () => routing.isReady,
    way: () => way,
  });
  const way: Way = new Way({
    routing,
    cors,
    limits: { requests: new Gcra() },
    authentication: { accessTokens, identityTokens: new IdentityTokens(keys), refresher, cors, log },
    splitting: { previewToken: new PreviewToken(environment.OPERATOR_TOKEN_SHA256), random: Math.random },
    forwarding: { deadlines, streams, cors, nowMs, ownInterface: own },
    accounts: { metrics, accessLog },
    nowMs,
  });
  const door = new FrontDoor({ way, nowMs });
  const gauges = { routing, openStreams: () => streams.size, openConnections: () => door.connections };
  const processMetrics = createMetrics();
  const admin = createServer(adminInterface({ metrics, gauges, processMetrics, who, nowMs }));
  const poll = new EndedPoll(store, ended, after);
  const watch = new TableWatch({
    registryUrl: environment.REGISTRY_URL,
    watcher: environment.INSTANCE_ID,
    role: 'gateway',
    token: environment.SERVICE_TOKEN,
    log,
    onTable: (table: Table, changed: ReadonlySet<string>) => routing.take(table, changed),
    inFlight: () => routing.inFlight(),
    traffic: () => routing.traffic(),
    acknowledgeEveryMs: () => routing.figuresEveryMs,
  });

  const stop = async (): Promise<void> => {
    log.info({ streams: streams.size, connections: door.connections }, 'stops accepting');
    streams.endAll();
    await door.close(STOP_GRACE_MS);
    poll.stop();
    watch.stop();
    keys.stop();
    deadlines.stop();
    await routing.destroy();
    accessLog.flush();
    await closeServer(admin, 500);
  };
  deadlines.start();
  keys.start();
  watch.start();
  try {
    await listenOn(admin, { host: '127.0.0.1', port: environment.ADMIN_PORT });
    await watch.first(AbortSignal.timeout(options.firstTableMs ?? FIRST_TABLE_MS)).catch(() => {
      log.warn('no table from the registry yet; listening without one');
    });
    await new Promise<void>((resolve) => {
      const cancel = after(FIRST_ENDED_MS, resolve);
      void poll.start().then(() => {
        cancel();
        resolve();
      });
    });
    await door.listen(environment.HOST, environment.PORT);
  } catch (error) {
    await stop();
    throw error;
  }
  const { port } = door.server.address() as AddressInfo;
  const adminPort = (admin.address() as AddressInfo).port;
  log.info({ host: environment.HOST, port, adminPort, epoch: routing.epoch }, 'listening');
  return { port, adminPort, stop };
}

/** Everything that it can be reached at: nothing of it may be an upstream. */
function ownAddresses(environment: GatewayEnvironment): OwnAddress[] {
  const { HOST: host, PORT: port, ADMIN_PORT: adminPort } = environment;
  const isEverywhere = host === '0.0.0.0' || host === '::';
  const hosts = isEverywhere
    ? Object.values(networkInterfaces()).flatMap((addresses) => (addresses ?? []).map(({ address }) => address))
    : [];
  return [...[host, ...hosts].map((one) => ({ host: one, port })), { host: '127.0.0.1', port: adminPort }];
}
