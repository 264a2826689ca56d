/** Empties the open connections of a door at which another process goes on accepting, so that no client meets a reset. */
import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { connectionOf } from './client-connection.ts';

export interface Departure {
  /** A connection on which nothing has moved for so long, since the departure began, is closed. */
  readonly quietMs: number;
  /** When what is left is given up. */
  readonly withinMs: number;
  readonly nowMs: () => number;
  /** Connections that are not among the sockets yet, but will be. */
  readonly arriving: () => number;
}

const LOOK_EVERY_MS = 100;

/**
 * Resolves when no connection is left, or the time is over. A request that arrives meanwhile is answered, and its answer says
 * `Connection: close`; only who says nothing for `quietMs` is closed without an answer: a client may be about to send on a
 * connection that looks idle, and cannot know whether a request that met the end was done.
 */
export async function depart(sockets: ReadonlySet<Socket>, departure: Departure): Promise<void> {
  const { quietMs, withinMs, nowMs, arriving } = departure;
  const beganMs = nowMs();
  const seen = new Map<Socket, { readonly moved: string; readonly sinceMs: number }>();
  while (sockets.size + arriving() > 0 && nowMs() - beganMs < withinMs) {
    const now = nowMs();
    for (const socket of sockets) {
      const connection = connectionOf(socket);
      const moved = `${socket.bytesRead} ${socket.bytesWritten} ${connection.running}`;
      const before = seen.get(socket);
      if (before?.moved !== moved) seen.set(socket, { moved, sinceMs: now });
      else if (connection.isIdle && now - before.sinceMs >= quietMs) connection.end();
    }
    await pause(LOOK_EVERY_MS);
  }
}
