/** Listening sockets that the process was started with, in the form of systemd's socket activation (sd_listen_fds(3)). */
import type { Server } from 'node:net';

/** Descriptors; null: none was given. */
export interface InheritedSockets {
  readonly door: number | null;
  readonly admin: number | null;
}

export interface ListenVariables {
  readonly LISTEN_PID?: number | undefined;
  readonly LISTEN_FDS: number;
  readonly LISTEN_FDNAMES: string;
}

const FIRST_DESCRIPTOR = 3;

/** Names of the sockets that a gateway gives to its successor, in the order of their descriptors. */
export const SOCKET_NAMES = ['door', 'admin'] as const;

/** What was given to another process, and only reached this one because environments are inherited, is none. */
export function inheritedSockets(variables: ListenVariables, pid: number): InheritedSockets {
  const { LISTEN_PID, LISTEN_FDS: count } = variables;
  if (LISTEN_PID !== pid || count === 0) return { door: null, admin: null };
  const names = variables.LISTEN_FDNAMES.split(':').slice(0, count);
  const named = (name: (typeof SOCKET_NAMES)[number]): number | null => {
    const index = names.indexOf(name);
    return index === -1 ? null : FIRST_DESCRIPTOR + index;
  };
  // systemd calls a socket by its unit when it has no FileDescriptorName: the first of those is the door.
  const unnamed = Array.from({ length: count }, (_, index) => names[index]).findIndex((name) => name !== 'admin');
  return { door: named('door') ?? (unnamed === -1 ? null : FIRST_DESCRIPTOR + unnamed), admin: named('admin') };
}

/** Begins to accept on a socket that listens already. Rejects when the descriptor is no such socket. */
export function listenOnInherited(server: Server, descriptor: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error): void =>
      reject(new Error(`descriptor ${descriptor} is no socket to listen on: ${error.message}`, { cause: error }));
    server.once('error', onError);
    server.listen({ fd: descriptor }, () => {
      server.off('error', onError);
      resolve();
    });
  });
}

/** The descriptor that a server listens on; null when it does not. */
export function descriptorOf(server: Server): number | null {
  // Node.js keeps no public name for it. A server in place of a number in `stdio` works too, and is as little documented.
  const { _handle: handle } = server as unknown as { readonly _handle: { readonly fd: number } | null };
  return server.listening && handle !== null && handle.fd >= 0 ? handle.fd : null;
}
