/** The commands' end of the supervisor's socket. */
import { connect } from 'node:net';
import { CommandFailed } from '../command.ts';
import type { ExitCode } from '../command.ts';
import type { YardEvent } from '../status/yard-event.ts';
import type { YardStatus } from '../status/yard-status.ts';
import type { YardFolder } from '../yard-folder.ts';
import { readJsonLines, writeJsonLine } from './json-lines.ts';
import { controlAnswer, PROTOCOL_VERSION } from './protocol.ts';
import type { ControlAnswer, ControlRequest } from './protocol.ts';
import { readSupervisorFile } from './socket-place.ts';

/** A supervisor tells its status at once, whatever else it does; only the end of a long request is waited for without a limit. */
const STATUS_TIMEOUT_MS = 10_000;

export type Asked = ControlRequest extends infer R ? (R extends ControlRequest ? Omit<R, 'version'> : never) : never;
/** How a swap stands, as the supervisor answers it. */
export type Swapped = Extract<ControlAnswer, { answer: 'swapped' }>;

/** What the supervisor has answered. */
export interface Outcome {
  /** Null after requests that are not answered with it. */
  readonly status: YardStatus | null;
  /** Of swaps: one for each that was asked about; several, or none, after `resume`. */
  readonly swapped: readonly Swapped[];
}

export interface AskOptions {
  /** Default 10 s. */
  readonly statusTimeoutMs?: number;
  /** Aborted: nothing more is heard, and its reason is thrown. What was asked goes on in the supervisor as it sees fit. */
  readonly signal?: AbortSignal;
}

/** The connection was lost before the answer: the supervisor has ended, or was killed. */
export class SupervisorBrokeOff extends CommandFailed {}

/**
 * Asks the supervisor of a yard; null when none runs. A refusal is thrown as CommandFailed, and so is its silence: the kernel
 * accepts connections for a process that has been stopped.
 *
 * @throws SupervisorBrokeOff when it ends before it has answered
 */
export async function askSupervisor(
  folder: YardFolder,
  asked: Asked,
  onEvent: (event: YardEvent) => void = () => undefined,
  options: AskOptions = {},
): Promise<Outcome | null> {
  const supervisor = await readSupervisorFile(folder);
  // Without the file it may run all the same: the file was damaged, or is not written yet.
  const socket = supervisor?.socket ?? folder.socket;
  const place = { statusTimeoutMs: STATUS_TIMEOUT_MS, ...options, socket, pid: supervisor?.pid ?? null };
  if (asked.do !== 'status' && (await exchange(place, { do: 'status' }, () => undefined)) === null) return null;
  return exchange(place, asked, onEvent);
}

interface Place extends Required<Pick<AskOptions, 'statusTimeoutMs'>>, Pick<AskOptions, 'signal'> {
  readonly socket: string;
  readonly pid: number | null;
}

function exchange(supervisor: Place, asked: Asked, onEvent: (event: YardEvent) => void): Promise<Outcome | null> {
  const who = supervisor.pid === null ? 'the supervisor' : `the supervisor (pid ${supervisor.pid})`;
  const pid = supervisor.pid ?? 'PID';
  return new Promise((resolve, reject) => {
    const { signal } = supervisor;
    signal?.throwIfAborted();
    const socket = connect(supervisor.socket);
    let isConnected = false;
    let outcome: Outcome | undefined;
    const swapped: Swapped[] = [];
    const leave = () => {
      reject(signal?.reason as Error);
      socket.destroy();
    };
    signal?.addEventListener('abort', leave, { once: true });
    const silent = setTimeout(() => {
      reject(
        new CommandFailed(`${who} does not answer within ${supervisor.statusTimeoutMs / 1_000} s`, {
          hint: `was it stopped? kill -CONT ${pid} lets it go on; after kill -9 ${pid}, yard up takes over what runs`,
        }),
      );
      socket.destroy();
    }, supervisor.statusTimeoutMs);
    socket.once('connect', () => {
      isConnected = true;
      if (asked.do !== 'status') clearTimeout(silent);
      writeJsonLine(socket, { version: PROTOCOL_VERSION, ...asked });
    });
    readJsonLines(socket, (value) => {
      const parsed = controlAnswer.safeParse(value);
      if (!parsed.success) {
        socket.destroy(new Error('it is of another version'));
        return;
      }
      const answer = parsed.data;
      if (answer.answer === 'event') onEvent(answer.event);
      else if (answer.answer === 'done') outcome = { status: answer.status, swapped };
      else if (answer.answer === 'swapped') {
        swapped.push(answer);
        outcome = { status: null, swapped };
      } else reject(refusal(answer));
    });
    let fault: NodeJS.ErrnoException | null = null;
    socket.once('error', (error) => {
      fault = error;
    });
    socket.once('close', () => {
      clearTimeout(silent);
      signal?.removeEventListener('abort', leave);
      if (outcome !== undefined) resolve(outcome);
      else if (!isConnected && (fault?.code === 'ECONNREFUSED' || fault?.code === 'ENOENT')) resolve(null);
      else reject(new SupervisorBrokeOff(`${who} broke off: ${fault?.message ?? 'it has ended'}`));
    });
  });
}

const refusal = ({ message, hint, exitCode }: Extract<ControlAnswer, { answer: 'refused' }>): CommandFailed =>
  new CommandFailed(message, {
    ...(hint === undefined ? {} : { hint }),
    ...(exitCode === undefined ? {} : { exitCode: exitCode as ExitCode }),
  });
