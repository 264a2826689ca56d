/** The supervisor's end of its socket. */
import { chmodSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { readJsonLines, writeJsonLine } from './json-lines.ts';
import { CONNECTIONS_MAX, controlRequest, PROTOCOL_VERSION } from './protocol.ts';
import type { ControlAnswer, ControlRequest } from './protocol.ts';

/** Without `version`, which is added. */
export type Answer = ControlAnswer extends infer A ? (A extends ControlAnswer ? Omit<A, 'version'> : never) : never;

/** Answers one request; `gone` is aborted when the other end has left. */
export type Answerer = (
  request: ControlRequest,
  answer: (answer: Answer) => void,
  gone: AbortSignal,
) => Promise<Answer>;

/** A connection that asks nothing is closed after this time. */
const IDLE_MS = 10_000;
const LAST_ANSWERS_MS = 2_000;

export class ControlServer {
  private readonly server: Server;
  private readonly path: string;
  private readonly sockets = new Set<Socket>();
  private readonly answering = new Set<Promise<void>>();

  constructor(path: string, answerer: Answerer) {
    this.path = path;
    this.server = createServer((socket) => this.serve(socket, answerer));
    this.server.maxConnections = CONNECTIONS_MAX;
  }

  /** The caller holds the lock of the yard, so that whatever socket is there is a dead one's. */
  async listen(): Promise<void> {
    rmSync(this.path, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(this.path, resolve);
    });
    chmodSync(this.path, 0o600);
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.server.close(() => resolve());
    });
    // Who asked for the end wants to hear of it.
    await Promise.race([Promise.all(this.answering), pause(LAST_ANSWERS_MS)]);
    for (const socket of this.sockets) socket.destroySoon();
    const cut = setTimeout(() => {
      for (const socket of this.sockets) socket.destroy();
    }, LAST_ANSWERS_MS);
    await closed;
    clearTimeout(cut);
    rmSync(this.path, { force: true });
  }

  private serve(socket: Socket, answerer: Answerer): void {
    this.sockets.add(socket);
    const gone = new AbortController();
    socket.on('error', () => undefined);
    socket.once('close', () => {
      this.sockets.delete(socket);
      gone.abort(new Error('the command has left'));
    });
    socket.setTimeout(IDLE_MS, () => socket.destroy());
    let isAsked = false;
    readJsonLines(socket, (value) => {
      if (isAsked) return;
      isAsked = true;
      socket.setTimeout(0);
      const answering = this.answer(socket, value, answerer, gone.signal);
      this.answering.add(answering);
      void answering.finally(() => this.answering.delete(answering));
    });
  }

  private async answer(socket: Socket, value: unknown, answerer: Answerer, gone: AbortSignal): Promise<void> {
    const write = (answer: Answer) => writeJsonLine(socket, { version: PROTOCOL_VERSION, ...answer });
    const parsed = controlRequest.safeParse(value);
    if (!parsed.success) {
      write({
        answer: 'refused',
        message: 'the supervisor that runs does not know this request: it is of another version',
        hint: 'yard down, then yard up, starts the new one',
      });
    } else {
      try {
        write(await answerer(parsed.data, write, gone));
      } catch (error) {
        write({ answer: 'refused', message: (error as Error).message });
      }
    }
    socket.end();
  }
}
