/** What serves requests, in every worker of a gateway: the way of a request and all that it needs, from the registry's table to the door. */
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import type { Table } from '@switchyard/contracts/registry';
import { systemClock } from '@switchyard/kit/clock';
import type { Logger } from '@switchyard/kit/log';
import type { Registry } from '@switchyard/kit/metrics';
import { TableWatch } from '@switchyard/kit/registry/table-watch';
import type { GatewayEnvironment } from './config.ts';
import type { TakesLimit } from './gcra.ts';
import { FrontDoor } from './door/front-door.ts';
import { CertificateWatch } from './door/tls/certificate-watch.ts';
import { OWN_ROUTES, ownInterface } from './http/own-interface.ts';
import { CorsPolicy } from './message/cors-policy.ts';
import { AccessLog } from './observe/access-log.ts';
import { Metrics } from './observe/metrics.ts';
import { readFigures } from './observe/figures.ts';
import type { Gauges } from './observe/figures.ts';
import { openTracing, samplingOf } from './observe/tracing.ts';
import type { Trouble } from './routing/deployment.ts';
import { PreviewToken } from './routing/preview-token.ts';
import { RoutingTable } from './routing/routing-table.ts';
import type { OwnAddress } from './routing/upstream-address.ts';
import { AccessTokens } from './sessions/access-tokens.ts';
import { EndedJournal } from './sessions/ended-journal.ts';
import { EndedPoll } from './sessions/ended-poll.ts';
import { EndedSessions } from './sessions/ended-sessions.ts';
import { IdentityTokens } from './sessions/identity-tokens.ts';
import { KeyRing } from './sessions/key-ring.ts';
import { Refresher } from './sessions/refresher.ts';
import { SessionStore } from './sessions/session-store.ts';
import type { SignInCount } from './sessions/sign-in-limit.ts';
import { InFlight } from './stages/limit.ts';
import { Deadlines } from './upstream/deadlines.ts';
import { OpenStreams } from './upstream/open-streams.ts';
import { Way } from './way.ts';
import type { WorkerFigures } from './workers/messages.ts';

/** How long it is waited for which sessions ended before: nobody who signed out is let in by a gateway that has just started. */
const FIRST_ENDED_MS = 2_000;
/** How long running requests may take when the gateway stops. */
export const STOP_GRACE_MS = 7_000;
/** The same when another gateway accepts at the door, and nobody waits for this one to be gone. */
export const LEAVE_WITHIN_MS = 30_000;
/** A connection that was quiet for so long since then is closed. Longer than most clients wait between two requests of a burst. */
const LEAVE_QUIET_MS = 5_000;

/** Under which it logs. */
export type Who = Readonly<Record<'service' | 'deployment' | 'instance', string>>;

export interface ServingOptions {
  readonly environment: GatewayEnvironment;
  readonly who: Who;
  readonly log: Logger;
  /** Where access log lines go. */
  readonly writeLines: (lines: string) => void;
  /** Default: whether level info is logged. */
  readonly isAccessLogged?: boolean | undefined;
  readonly among: Among;
}

/** What is the business of all workers of a gateway together. */
export interface Among {
  /** Requests of one client on a route that has a limit. */
  readonly requests: TakesLimit;
  readonly signIns: SignInCount;
  /** Tells the others that these sessions have ended here, and all of that user's, if one is named. */
  readonly signedOut: (sessionIds: readonly string[], user: string | null) => void;
  /** A breaker has opened here, or an instance was ejected. */
  readonly tellOthers: (trouble: Trouble) => void;
}

export interface Serving {
  readonly routing: RoutingTable;
  readonly watch: TableWatch;
  readonly door: FrontDoor;
  readonly metrics: Metrics;
  readonly gauges: Gauges;
  /** Ready means for as long as the gateway serves, and that outlasts a handover and a worker. */
  readonly isReady: () => boolean;
  /** Another one that serves was ready before. */
  wasReady(): void;
  /** Elsewhere, these sessions have ended, and all of that user's, if one is named. */
  signedOut(sessionIds: readonly string[], user: string | null): void;
  start(): void;
  /** Resolves when all sessions that ended before are known, or have been waited for in vain. */
  endedKnown(): Promise<void>;
  /** Takes no more connections and serves those there are to their end: patiently when others go on at the door. */
  leave(isShared: boolean): Promise<void>;
  /** After `leave`, or in place of it: nothing is left of it. */
  stop(): Promise<void>;
}

export async function composeServing(options: ServingOptions): Promise<Serving> {
  const { environment, who, log, among } = options;
  const { nowMs, after } = systemClock;
  const streams = new OpenStreams(after, (sessionId) => ended.has(sessionId));
  const deadlines = new Deadlines(nowMs);
  const cors = new CorsPolicy(environment.CORS_ORIGINS);
  const routing = new RoutingTable(OWN_ROUTES, {
    streams,
    own: ownAddresses(environment),
    nowMs,
    random: Math.random,
    settings: environment.GATEWAY_SETTINGS,
    tellOthers: among.tellOthers,
    warn: (facts, message) => log.warn(facts, message),
    drained: () => watch.acknowledge(),
  });
  const keys = await KeyRing.open(environment.KEYS_DIR, log);
  const journal = new EndedJournal({
    directory: join(environment.KEYS_DIR, 'ended-sessions'),
    log,
    onRead: (sessionIds) => ended.add(sessionIds),
  });
  const ended = new EndedSessions((sessionId) => {
    streams.endOfSession(sessionId);
    journal.note(sessionId);
  });
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
  const accessLog = new AccessLog({
    bindings: who,
    write: options.writeLines,
    isEnabled: options.isAccessLogged ?? log.isLevelEnabled('info'),
    sample: environment.GATEWAY_SETTINGS.accessLog.sample,
  });
  const tracing = await openTracing({
    settings: environment.GATEWAY_SETTINGS.tracing,
    who,
    log,
    count: metrics.countSpans,
  });
  const signedOut = (sessionIds: readonly string[], user: string | null): void => {
    ended.add(user === null ? sessionIds : [...sessionIds, ...accessTokens.sessionsOf(user)]);
  };
  let wasReady = false;
  const isReady = (): boolean => wasReady || routing.isReady;
  const own = ownInterface({
    sessions: {
      store,
      refresher,
      accessTokens,
      signInLimit: among.signIns,
      signedOut: (sessionIds, user) => {
        signedOut(sessionIds, user);
        among.signedOut(sessionIds, user);
      },
    },
    keys,
    log,
    isReady,
    way: () => way,
  });
  const { tls } = environment.GATEWAY_SETTINGS;
  const certificate =
    tls &&
    (await CertificateWatch.open({
      files: tls,
      clock: systemClock,
      wallMs: Date.now,
      log,
      onChange: (pair) => door.tls?.present(pair),
    }));
  const way: Way = new Way({
    securePort: tls?.publicPort ?? tls?.port ?? null,
    traceSampling: samplingOf(environment.GATEWAY_SETTINGS.tracing),
    routing,
    cors,
    limits: { requests: among.requests, inFlight: new InFlight(environment.GATEWAY_SETTINGS.inFlight.total) },
    authentication: { accessTokens, identityTokens: new IdentityTokens(keys), refresher, cors, log },
    splitting: { previewToken: new PreviewToken(environment.OPERATOR_TOKEN_SHA256), random: Math.random },
    forwarding: { deadlines, streams, cors, nowMs, pace: environment.GATEWAY_SETTINGS.clients, ownInterface: own },
    accounts: { metrics, accessLog, tracing },
    nowMs,
  });
  const ticketKeys =
    environment.TLS_TICKET_KEYS === undefined ? randomBytes(48) : Buffer.from(environment.TLS_TICKET_KEYS, 'hex');
  const door = new FrontDoor({
    way,
    nowMs,
    clients: environment.GATEWAY_SETTINGS.clients,
    tls: tls && certificate && { ...certificate, port: tls.port, ticketKeys },
  });
  const poll = new EndedPoll(store, ended, after);
  const watch = new TableWatch({
    registryUrl: environment.REGISTRY_URL,
    watcher: who.instance,
    role: 'gateway',
    token: environment.SERVICE_TOKEN,
    log,
    onTable: (table: Table, changed: ReadonlySet<string>) => routing.take(table, changed),
    inFlight: () => routing.inFlight(),
    traffic: () => routing.traffic(),
    acknowledgeEveryMs: () => routing.figuresEveryMs,
  });
  return {
    routing,
    watch,
    door,
    metrics,
    gauges: { routing, openStreams: () => streams.size, openConnections: () => door.connections },
    isReady,
    wasReady: () => {
      wasReady = true;
    },
    signedOut,
    start: () => {
      deadlines.start();
      keys.start();
      watch.start();
      certificate?.watch.start();
    },
    endedKnown: async () => {
      await journal.exchange();
      journal.start();
      await new Promise<void>((resolve) => {
        const cancel = after(FIRST_ENDED_MS, resolve);
        void poll.start().then(() => {
          cancel();
          resolve();
        });
      });
    },
    leave: async (isShared) => {
      log.info({ streams: streams.size, connections: door.connections, isShared }, 'stops accepting');
      if (isShared) {
        streams.leave();
        await door.leave({ quietMs: LEAVE_QUIET_MS, withinMs: LEAVE_WITHIN_MS });
      } else {
        streams.endAll();
        await door.close(STOP_GRACE_MS);
      }
    },
    stop: async () => {
      poll.stop();
      certificate?.watch.stop();
      await journal.stop();
      watch.stop();
      keys.stop();
      deadlines.stop();
      routing.destroy();
      accessLog.flush();
      await tracing?.stop();
    },
  };
}

/** What is told of it where all workers are shown together. */
export async function workerFigures(
  { metrics, gauges }: Serving,
  processMetrics: Registry,
  pid: number,
  nowMs: number,
): Promise<WorkerFigures> {
  const families = (await processMetrics.getMetricsAsJSON()) as unknown as WorkerFigures['process'];
  return {
    ...readFigures(metrics, gauges, nowMs),
    pid,
    process: families.map(({ name, help, type, values }) => ({ name, help, type, values })),
  };
}

/** Everything that it can be reached at: nothing of it may be an upstream. */
function ownAddresses(environment: GatewayEnvironment): OwnAddress[] {
  const { HOST: host, PORT, ADMIN_PORT, TCP_PORT } = environment;
  const atDoor = [PORT, environment.GATEWAY_SETTINGS.tls?.port].filter((one) => one !== undefined);
  const isEverywhere = host === '0.0.0.0' || host === '::';
  const hosts = isEverywhere
    ? Object.values(networkInterfaces()).flatMap((addresses) => (addresses ?? []).map(({ address }) => address))
    : [];
  const onLoopback = [ADMIN_PORT, TCP_PORT].filter((one) => one !== undefined);
  return [
    ...[host, ...hosts].flatMap((one) => atDoor.map((port) => ({ host: one, port }))),
    ...onLoopback.map((one) => ({ host: '127.0.0.1', port: one })),
  ];
}
