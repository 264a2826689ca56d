/** Puts the gateway together, starts it and stops it in order. */
import { createServer } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Table } from '@switchyard/contracts/registry';
import { closeServer, listenOn } from '@switchyard/kit/http/server';
import { systemClock } from '@switchyard/kit/clock';
import type { Logger } from '@switchyard/kit/log';
import { createMetrics } from '@switchyard/kit/metrics';
import { TableWatch } from '@switchyard/kit/registry/table-watch';
import type { GatewayEnvironment } from './config.ts';
import { Gcra } from './gcra.ts';
import { Handover } from './handover/handover.ts';
import { inheritedSockets, listenOnInherited } from './handover/inherited-sockets.ts';
import { answers200, privatePort } from './handover/private-port.ts';
import type { Companion } from './handover/successor.ts';
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
/** The same when another gateway accepts at the door, and nobody waits for this one to be gone. */
export const LEAVE_WITHIN_MS = 30_000;
/** A connection that was quiet for so long since then is closed. Longer than most clients wait between two requests of a burst. */
const LEAVE_QUIET_MS = 5_000;

export interface Gateway {
  readonly port: number;
  readonly adminPort: number;
  /** SIGUSR2: starts the successor, or takes the door over. */
  told(): Promise<void>;
  /** Stops accepting, ends streams, answers what runs, closes everything; patiently when another gateway goes on at the door. */
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
  // Ready means for as long as the gateway serves, and that outlasts a handover.
  let wasReady = false;
  const isReady = (): boolean => wasReady || routing.isReady;
  const own = ownInterface({
    sessions: { store, refresher, ended, accessTokens, signInLimit: new SignInLimit(nowMs) },
    keys,
    log,
    isReady,
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

  const inherited = inheritedSockets(environment, process.pid);
  const self = companion(environment.INSTANCE_ID, environment.TCP_PORT);
  const predecessor =
    inherited.door === null ? null : companion(environment.PREDECESSOR_ID, environment.PREDECESSOR_PORT);
  const openAdmin = (): Promise<void> =>
    inherited.admin === null
      ? listenOn(admin, { host: '127.0.0.1', port: environment.ADMIN_PORT })
      : listenOnInherited(admin, inherited.admin);
  const handover = new Handover({
    self,
    launchFile: environment.SUCCESSOR_FILE,
    predecessor,
    servers: [door.server, admin],
    open: async () => {
      if (predecessor !== null) {
        wasReady = await answers200(predecessor, '/-/ready');
        await openAdmin();
      }
      await door.listen(inherited.door ?? { host: environment.HOST, port: environment.PORT });
      log.info({ host: environment.HOST, ...addresses(door.server, admin), epoch: routing.epoch }, 'listening');
    },
    log,
  });
  const alone = privatePort({
    instance: environment.INSTANCE_ID,
    stage: () => handover.stage,
    isReady,
    epoch: () => watch.table?.epoch ?? null,
  });

  const stop = async (): Promise<void> => {
    const isShared = await handover.leave();
    log.info({ streams: streams.size, connections: door.connections, isShared }, 'stops accepting');
    if (isShared) {
      await closeServer(admin, 500);
      streams.leave();
      await door.leave({ quietMs: LEAVE_QUIET_MS, withinMs: LEAVE_WITHIN_MS });
    } else {
      streams.endAll();
      await door.close(STOP_GRACE_MS);
      await closeServer(admin, 500);
    }
    poll.stop();
    watch.stop();
    keys.stop();
    deadlines.stop();
    await routing.destroy();
    accessLog.flush();
    await closeServer(alone, 100);
  };
  deadlines.start();
  keys.start();
  watch.start();
  try {
    if (self !== null) await listenOn(alone, { host: '127.0.0.1', port: self.port });
    if (predecessor === null) await openAdmin();
    await watch.first(AbortSignal.timeout(options.firstTableMs ?? FIRST_TABLE_MS)).catch((error: unknown) => {
      if (predecessor !== null)
        throw new Error('no table from the registry: the one that serves goes on', { cause: error });
      log.warn('no table from the registry yet; listening without one');
    });
    await new Promise<void>((resolve) => {
      const cancel = after(FIRST_ENDED_MS, resolve);
      void poll.start().then(() => {
        cancel();
        resolve();
      });
    });
    await handover.prepared();
  } catch (error) {
    await stop();
    throw error;
  }
  return { ...addresses(door.server, admin), told: () => handover.told(), stop };
}

const companion = (id: string | undefined, port: number | undefined): Companion | null =>
  id === undefined || port === undefined ? null : { id, port };

/** Ports that are listened on; 0 for one that is not yet. */
function addresses(door: Server, admin: Server): { readonly port: number; readonly adminPort: number } {
  const portOf = (server: Server): number => (server.address() as AddressInfo | null)?.port ?? 0;
  return { port: portOf(door), adminPort: portOf(admin) };
}

/** Everything that it can be reached at: nothing of it may be an upstream. */
function ownAddresses(environment: GatewayEnvironment): OwnAddress[] {
  const { HOST: host, PORT: port, ADMIN_PORT, TCP_PORT } = environment;
  const isEverywhere = host === '0.0.0.0' || host === '::';
  const hosts = isEverywhere
    ? Object.values(networkInterfaces()).flatMap((addresses) => (addresses ?? []).map(({ address }) => address))
    : [];
  const onLoopback = [ADMIN_PORT, TCP_PORT].filter((one) => one !== undefined);
  return [
    ...[host, ...hosts].map((one) => ({ host: one, port })),
    ...onLoopback.map((one) => ({ host: '127.0.0.1', port: one })),
  ];
}
