/** Puts the gateway together around what serves, starts it and stops it in order. */
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { closeServer, listenOn } from '@switchyard/kit/http/server';
import { systemClock } from '@switchyard/kit/clock';
import type { Logger } from '@switchyard/kit/log';
import { createMetrics } from '@switchyard/kit/metrics';
import type { GatewayEnvironment } from './config.ts';
import { Gcra } from './gcra.ts';
import { Handover } from './handover/handover.ts';
import { givenSockets, inheritedSockets, listenOnInherited } from './handover/inherited-sockets.ts';
import { answers200, privatePort } from './handover/private-port.ts';
import type { Companion } from './handover/successor.ts';
import { adminInterface } from './http/admin-interface.ts';
import type { FrontDoor } from './door/front-door.ts';
import { composeServing, LEAVE_WITHIN_MS, STOP_GRACE_MS, workerFigures } from './serving.ts';
import { SignInLimit } from './sessions/sign-in-limit.ts';
import { countingForAll } from './workers/shared-limits.ts';
import { Workers } from './workers/workers.ts';
import type { AllFigures } from './workers/workers.ts';

/** How long the first table is waited for before listening without one; until it comes, requests get 503. */
const FIRST_TABLE_MS = 10_000;

export interface Gateway {
  readonly port: number;
  /** 0: there is no HTTPS. */
  readonly tlsPort: number;
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
  const { environment, log, writeLines, isAccessLogged } = options;
  const { nowMs } = systemClock;
  const who = {
    service: environment.SERVICE_NAME,
    deployment: environment.DEPLOYMENT_ID,
    instance: environment.INSTANCE_ID,
  };
  const ticketKeys = environment.TLS_TICKET_KEYS ?? randomBytes(48).toString('hex');
  const requests = new Gcra();
  const signIns = new SignInLimit(nowMs);
  const serving = await composeServing({
    environment: { ...environment, TLS_TICKET_KEYS: ticketKeys },
    who,
    log,
    writeLines,
    isAccessLogged,
    among: {
      requests,
      signIns,
      signedOut: (sessionIds, user) => workers.tell('signed out', { sessionIds, user }),
      tellOthers: (trouble) => workers.tell('trouble', trouble),
    },
  });
  const { routing, watch, door, metrics, isReady } = serving;
  const processMetrics = createMetrics();
  const workers = new Workers({
    count: environment.GATEWAY_SETTINGS.workers,
    own: () => workerFigures(serving, processMetrics, process.pid, nowMs()),
    sockets: () => givenSockets(door.servers),
    openConnections: () => door.connections,
    environment: { ...process.env, TLS_TICKET_KEYS: ticketKeys },
    isReady,
    signedOut: ({ sessionIds, user }) => serving.signedOut(sessionIds, user),
    trouble: (trouble) => routing.hear(trouble),
    limits: countingForAll(requests, signIns, nowMs),
    clock: systemClock,
    log,
  });
  workers.guard('door', door.server);
  if (door.tls !== null) workers.guard('door-tls', door.tls.server);
  const figures = (forget: readonly string[]): Promise<AllFigures> => {
    metrics.forget(forget);
    return workers.figures(forget);
  };
  const admin = createServer(adminInterface({ routing, figures, who }));

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
    sockets: () => givenSockets({ ...door.servers, admin }),
    open: async () => {
      if (predecessor !== null) {
        if (await answers200(predecessor, '/-/ready')) serving.wasReady();
        await openAdmin();
      }
      await door.listen(inherited.door ?? { host: environment.HOST, port: environment.PORT });
      await door.listenSecure(inherited['door-tls'], environment.HOST);
      log.info({ host: environment.HOST, ...addresses(door, admin), epoch: routing.epoch }, 'listening');
      workers.start();
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
    // The successor answers there.
    if (isShared) await closeServer(admin, 500);
    await Promise.all([serving.leave(isShared), workers.leave(isShared, isShared ? LEAVE_WITHIN_MS : STOP_GRACE_MS)]);
    if (!isShared) await closeServer(admin, 500);
    await serving.stop();
    await closeServer(alone, 100);
  };
  serving.start();
  try {
    if (self !== null) await listenOn(alone, { host: '127.0.0.1', port: self.port });
    if (predecessor === null) await openAdmin();
    await watch.first(AbortSignal.timeout(options.firstTableMs ?? FIRST_TABLE_MS)).catch((error: unknown) => {
      if (predecessor !== null)
        throw new Error('no table from the registry: the one that serves goes on', { cause: error });
      log.warn('no table from the registry yet; listening without one');
    });
    await serving.endedKnown();
    await handover.prepared();
  } catch (error) {
    await stop();
    throw error;
  }
  return { ...addresses(door, admin), told: () => handover.told(), stop };
}

const companion = (id: string | undefined, port: number | undefined): Companion | null =>
  id === undefined || port === undefined ? null : { id, port };

/** Ports that are listened on; 0 for one that is not yet. */
function addresses(door: FrontDoor, admin: Server): Pick<Gateway, 'port' | 'tlsPort' | 'adminPort'> {
  const portOf = (server: Server | undefined): number =>
    (server?.address() as AddressInfo | null | undefined)?.port ?? 0;
  return { port: portOf(door.server), tlsPort: portOf(door.tls?.server), adminPort: portOf(admin) };
}
