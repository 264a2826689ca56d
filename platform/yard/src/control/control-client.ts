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

/** A supervisor answers at once, whatever else it does; only the end of a long request is waited for without a limit. */
const CONNECT_TIMEOUT_MS = 5_000;

export type Asked = ControlRequest extends infer R ? (R extends ControlRequest ? Omit<R, 'version'> : never) : never;

/** Asks the supervisor of a yard; null when none runs. A refusal is thrown as CommandFailed. */
export async function askSupervisor(
  folder: YardFolder,
  asked: Asked,
  onEvent: (event: YardEvent) => void = () => undefined,
): Promise<{ readonly status: YardStatus | null } | null> {
  const supervisor = await readSupervisorFile(folder);
  if (supervisor === null) return null;
  return new Promise((resolve, reject) => {
    const socket = connect(supervisor.socket);
    let isConnected = false;
    let outcome: { readonly status: YardStatus | null } | null | undefined;
    const silent = setTimeout(() => socket.destroy(new Error('no answer')), CONNECT_TIMEOUT_MS);
    socket.once('connect', () => {
      isConnected = true;
      clearTimeout(silent);
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
      else reject(new CommandFailed(answer.message, answer.hint === undefined ? {} : { hint: answer.hint }));
    });
    let fault: NodeJS.ErrnoException | null = null;
    socket.once('error', (error) => {
      fault = error;
    });
    socket.once('close', () => {
      clearTimeout(silent);
      if (outcome !== undefined) resolve(outcome);
      else if (!isConnected && (fault?.code === 'ECONNREFUSED' || fault?.code === 'ENOENT')) resolve(null);
      else
        reject(
          new CommandFailed(`the supervisor (pid ${supervisor.pid}) broke off: ${fault?.message ?? 'it has ended'}`),
        );
    });
  });
}
