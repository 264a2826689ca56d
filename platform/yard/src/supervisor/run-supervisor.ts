/** Runs the supervisor of a yard in this process until it is told to stop: by a signal, or by a command over its socket. */
import { rm } from 'node:fs/promises';
import type { YardFile } from '@switchyard/contracts/yard-file';
import { CommandFailed, EXIT } from '../command.ts';
import { ControlServer } from '../control/control-server.ts';
import type { Answer } from '../control/control-server.ts';
import type { ControlRequest } from '../control/protocol.ts';
import { socketPlace } from '../control/socket-place.ts';
import type { SupervisorFile } from '../control/socket-place.ts';
import { processFacts } from '../runtime/processes.ts';
import { writeFileAtomic } from '../state/atomic-file.ts';
import type { YardFolder } from '../yard-folder.ts';
import { openYard } from './open-yard.ts';
import { readStatus } from '../status/read-status.ts';
import { Supervisor } from './supervisor.ts';
import { isPlatformPart } from '../platform-swap/platform-swaps.ts';
import type { SwapRequest } from '../swap/swap-request.ts';
import type { SwapAnswer } from '../swap/swaps.ts';
import type { YardEvent } from '../status/yard-event.ts';

export interface RunOptions {
  readonly folder: YardFolder;
  readonly yard: YardFile;
  readonly env: NodeJS.ProcessEnv;
  onEvent(event: YardEvent): void;
  /** A signal arrived, for the first time or again. */
  onStopping(isAgain: boolean): void;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** A terminal's Ctrl-C reaches us and our launcher, which may pass it on: two within this time are one. */
const SAME_SIGNAL_MS = 500;

/** Resolves when everything has been stopped. Throws CommandFailed when the yard cannot be opened: it is up already, no room, no right. */
export async function runSupervisor(options: RunOptions): Promise<void> {
  const { folder, yard, env } = options;
  const date = () => new Date();
  const open = await openYard(folder, yard, date);
  const supervisor = new Supervisor({ open, inherited: env, now: () => performance.now(), date });
  supervisor.onEvent((event) => options.onEvent(event));
  const stopped = Promise.withResolvers<void>();
  let isStopping = false;
  const stop = (hasten: boolean) => {
    isStopping = true;
    const stopping = supervisor.stop(hasten);
    stopping.then(stopped.resolve, stopped.reject);
    return stopping;
  };
  let signalledMs = -Infinity;
  const onSignal = () => {
    const sinceMs = performance.now() - signalledMs;
    if (sinceMs < SAME_SIGNAL_MS) return;
    signalledMs = performance.now();
    options.onStopping(isStopping);
    stop(isStopping).catch(() => undefined);
  };
  // Kept to the end of the process: a Ctrl-C that comes late must not cut the last steps short.
  for (const signal of SIGNALS) process.on(signal, onSignal);
  const server = new ControlServer(socketPlace(folder, open.id), (request, answer, gone) =>
    answerRequest(supervisor, stop, { request, answer, gone }),
  );
  try {
    await server.listen();
    await writeSupervisorFile(folder, socketPlace(folder, open.id), supervisor.startedAt);
    await supervisor.start();
    await stopped.promise;
  } finally {
    await server.close();
    await rm(folder.supervisorFile, { force: true });
    open.lock.release();
  }
}

async function writeSupervisorFile(folder: YardFolder, socket: string, startedAt: Date): Promise<void> {
  const file: SupervisorFile = {
    version: 1,
    socket,
    pid: process.pid,
    born: processFacts(process.pid)?.born ?? '',
    startedAt: startedAt.toISOString(),
  };
  await writeFileAtomic(folder.supervisorFile, JSON.stringify(file), { isDurable: false });
}

interface Asked {
  readonly request: ControlRequest;
  readonly answer: (answer: Answer) => void;
  readonly gone: AbortSignal;
}

const swap = (supervisor: Supervisor, request: SwapRequest, gone: AbortSignal): Promise<SwapAnswer> =>
  request.services.some(isPlatformPart)
    ? supervisor.platformSwaps.begin(request)
    : supervisor.swaps.begin(request, gone);

const abort = (supervisor: Supervisor, name: string, gone: AbortSignal): Promise<SwapAnswer> =>
  isPlatformPart(name) ? supervisor.platformSwaps.abort(name) : supervisor.swaps.abort(name, gone);

async function answerRequest(
  supervisor: Supervisor,
  stop: (hasten: boolean) => Promise<void>,
  { request, answer, gone }: Asked,
): Promise<Answer> {
  const unfollow = supervisor.onEvent((event) => answer({ answer: 'event', event }));
  try {
    switch (request.do) {
      case 'status':
        unfollow();
        break;
      case 'follow': {
        for (const event of supervisor.notesOfStart) answer({ answer: 'event', event });
        const failed = await supervisor.settled(gone);
        if (failed.length > 0) {
          const them = failed.length === 1 ? 'it' : 'them';
          return {
            answer: 'refused',
            message: `${failed.join(', ')} could not be started; the rest runs, and the yard keeps trying`,
            hint: `yard logs ${failed[0]} says more; yard status shows ${them}; yard down stops everything`,
          };
        }
        break;
      }
      case 'down':
        await stop(request.hasten);
        return { answer: 'done', status: null };
      case 'restart':
        await supervisor.restart(request.service);
        break;
      case 'stop':
        await supervisor.stopOne(request.service);
        break;
      case 'swap':
        return { answer: 'swapped', ...(await swap(supervisor, request.swap, gone)) };
      case 'abort':
        return { answer: 'swapped', ...(await abort(supervisor, request.service, gone)) };
      case 'promote':
        return {
          answer: 'swapped',
          ...(await supervisor.swaps.promote(request.service, request.waitsForBake, gone)),
        };
      case 'resume':
        return resumed(await supervisor.swaps.resumed(gone));
    }
    return { answer: 'done', status: await readStatus(supervisor) };
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    return {
      answer: 'refused',
      message: error.message,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      ...(error.exitCode === EXIT.done ? {} : { exitCode: error.exitCode }),
    };
  } finally {
    unfollow();
  }
}

/** Finished or undone, what was interrupted is as it should be; the last report stands for all. */
function resumed(answers: readonly SwapAnswer[]): Answer {
  const last = answers.at(-1);
  const goingOn = answers.map((answer) => answer.goingOn).filter((text) => text !== '');
  return { answer: 'swapped', exitCode: EXIT.done, report: last?.report ?? null, goingOn: goingOn.join('; ') };
}
