/** A further worker of a gateway: it serves at the door of the first one, counts with it, and does not outlive it for long. */
import { systemClock } from '@switchyard/kit/clock';
import type { Logger } from '@switchyard/kit/log';
import { createMetrics } from '@switchyard/kit/metrics';
import type { GatewayEnvironment } from '../config.ts';
import { Gcra } from '../gcra.ts';
import { inheritedSockets } from '../handover/inherited-sockets.ts';
import { readFigures } from '../observe/figures.ts';
import { composeServing, workerFigures } from '../serving.ts';
import type { Serving } from '../serving.ts';
import { SignInLimit } from '../sessions/sign-in-limit.ts';
import { FirstLink } from './first-link.ts';
import { Spread } from './spread.ts';
import { AskedRequestLimit, AskedSignInLimit } from './shared-limits.ts';

export interface WorkerOptions {
  readonly environment: GatewayEnvironment;
  /** Its name as a watcher of the registry, and in the log. */
  readonly instance: string;
  readonly log: Logger;
  /** Where access log lines go. */
  readonly writeLines: (lines: string) => void;
  /** This process, which was started with a channel to the first one. */
  readonly process: NodeJS.Process;
  /** It is to be stopped. */
  readonly onLeave: () => void;
}

export interface Worker {
  /** Leaves as the first one says: patiently while others go on at the door. */
  stop(): Promise<void>;
}

/** Resolves when it can be stopped; it takes connections as soon as it knows what to route by. */
export async function startWorker(options: WorkerOptions): Promise<Worker> {
  const { environment, instance, log, writeLines, process, onLeave } = options;
  const { nowMs } = systemClock;
  const processMetrics = createMetrics();
  let isLeaving = false;
  const link = new FirstLink({
    process,
    clock: systemClock,
    log,
    figures: async ({ forget, withProcess }) => {
      const { metrics, gauges } = await composed;
      metrics.forget(forget);
      if (withProcess) return workerFigures(await composed, processMetrics, process.pid, nowMs());
      return { ...readFigures(metrics, gauges, nowMs()), pid: process.pid, process: [] };
    },
    onNotice: {
      'signed out': ({ sessionIds, user }) => void composed.then((serving) => serving.signedOut(sessionIds, user)),
      trouble: (trouble) => void composed.then(({ routing }) => routing.hear(trouble)),
      spread: ({ open }) => spread.hearAll(new Map(open)),
      connection: ({ name }, socket) => {
        if (socket !== undefined) spread.take(name, socket);
      },
    },
    onLeave: ({ isShared }) => {
      // There was time when it began, and is none any more.
      if (isLeaving && !isShared) void composed.then((serving) => serving.leave(false));
      onLeave();
    },
  });
  const composed: Promise<Serving> = composeServing({
    environment,
    who: { service: environment.SERVICE_NAME, deployment: environment.DEPLOYMENT_ID, instance },
    log,
    writeLines,
    among: {
      requests: new AskedRequestLimit(link.channel, new Gcra()),
      signIns: new AskedSignInLimit(link.channel, new SignInLimit(nowMs)),
      signedOut: (sessionIds, user) => link.channel.tell('signed out', { sessionIds, user }),
      tellOthers: (trouble) => link.channel.tell('trouble', trouble),
    },
  });
  const serving = await composed;
  const spread = new Spread({
    open: () => serving.door.connections,
    tell: () => link.channel.tell('connections', { open: serving.door.connections }),
    give: (to, name, socket, failed) => link.channel.tellWith('connection', { to, name }, socket, failed),
    clock: systemClock,
  });
  spread.guard('door', serving.door.server);
  if (serving.door.tls !== null) spread.guard('door-tls', serving.door.tls.server);
  const stopped = new AbortController();
  void open(serving, link, environment, stopped.signal).then(
    () => log.info({ epoch: serving.routing.epoch }, 'serves at the door'),
    (error: unknown) => {
      if (stopped.signal.aborted) return;
      log.fatal({ err: error }, 'the worker could not open the door');
      process.exit(1);
    },
  );
  return {
    stop: async () => {
      const { isShared } = await link.leaving();
      isLeaving = true;
      stopped.abort(new Error('the worker leaves'));
      await serving.leave(isShared);
      await link.farewell(await workerFigures(serving, processMetrics, process.pid, nowMs()));
      await serving.stop();
      process.disconnect?.();
    },
  };
}

/** Without a table it takes no connection: the others have one, or none has. */
async function open(serving: Serving, link: FirstLink, environment: GatewayEnvironment, signal: AbortSignal) {
  serving.start();
  await serving.watch.first(signal);
  await serving.endedKnown();
  const { isReady } = await link.welcome;
  if (isReady) serving.wasReady();
  const { door, 'door-tls': secure } = inheritedSockets(environment, process.pid);
  if (door === null || (secure === null && serving.door.tls !== null)) throw new Error('it was given no door');
  signal.throwIfAborted();
  await serving.door.listen(door);
  await serving.door.listenSecure(secure, environment.HOST);
  link.channel.tell('serving', {});
}
