/** The commands' end of the supervisor's socket. */
import { connect } from 'node:net';
import { CommandFailed } from '../command.ts';
import type { YardEvent } from '../status/yard-event.ts';
import type { YardStatus } from '../status/yard-status.ts';
import type { YardFolder } from '../yard-folder.ts';
import { readJsonLines, writeJsonLine } from './json-lines.ts';
import { controlAnswer, PROTOCOL_VERSION } from './protocol.ts';
import type { ControlRequest } from './protocol.ts';
import { readSupervisorFile } from './socket-place.ts';

/** A supervisor tells its status at once, whatever else it does; only the end of a long request is waited for without a limit. */
const STATUS_TIMEOUT_MS = 10_000;

export type Asked = ControlRequest extends infer R ? (R extends ControlRequest ? Omit<R, 'version'> : never) : never;

/**
 * Asks the supervisor of a yard; null when none runs. A refusal is thrown as CommandFailed, and so is its silence: the kernel
 * accepts connections for a process that has been stopped.
 */
export async function askSupervisor(
  folder: YardFolder,
  asked: Asked,
  onEvent: (event: YardEvent) => void = () => undefined,
  statusTimeoutMs = STATUS_TIMEOUT_MS,
): Promise<{ readonly status: YardStatus | null } | null> {
  const supervisor = await readSupervisorFile(folder);
  // Without the file it may run all the same: the file was damaged, or is not written yet.
  const socket = supervisor?.socket ?? folder.socket;
  const place = { socket, pid: supervisor?.pid ?? null, statusTimeoutMs };
  if (asked.do !== 'status' && (await exchange(place, { do: 'status' }, () => undefined)) === null) return null;
  return exchange(place, asked, onEvent);
}

function exchange(
  supervisor: { readonly socket: string; readonly pid: number | null; readonly statusTimeoutMs: number },
  asked: Asked,
  onEvent: (event: YardEvent) => void,
): Promise<{ readonly status: YardStatus | null } | null> {
  const who = supervisor.pid === null ? 'the supervisor' : `the supervisor (pid ${supervisor.pid})`;
  const pid = supervisor.pid ?? 'PID';
  return new Promise((resolve, reject) => {
    const socket = connect(supervisor.socket);
    let isConnected = false;
    let outcome: { readonly status: YardStatus | null } | null | undefined;
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
      else if (answer.answer === 'done') outcome = { status: answer.status };
      else if (answer.answer === 'refused')
        reject(new CommandFailed(answer.message, answer.hint === undefined ? {} : { hint: answer.hint }));
    });
    let fault: NodeJS.ErrnoException | null = null;
    socket.once('error', (error) => {
      fault = error;
    });
    socket.once('close', () => {
      clearTimeout(silent);
      if (outcome !== undefined) resolve(outcome);
      else if (!isConnected && (fault?.code === 'ECONNREFUSED' || fault?.code === 'ENOENT')) resolve(null);
      else reject(new CommandFailed(`${who} broke off: ${fault?.message ?? 'it has ended'}`));
    });
  });
}
