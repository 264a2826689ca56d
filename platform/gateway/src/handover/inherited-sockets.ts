/** Listening sockets that the process was started with, in the form of systemd's socket activation (sd_listen_fds(3)). */
import type { Server } from 'node:net';

/** What the listening sockets of a gateway are called; in this order they are handed on. */
export const SOCKET_NAMES = ['door', 'door-tls', 'admin'] as const;
export type SocketName = (typeof SOCKET_NAMES)[number];

/** Descriptors; null: none was given. */
export type InheritedSockets = { readonly [N in SocketName]: number | null };

/** What a process that inherits sockets is started with. */
export interface GivenSockets {
  /** From descriptor 3 on. */
  readonly descriptors: readonly number[];
  readonly variables: { readonly LISTEN_FDS: string; readonly LISTEN_FDNAMES: string };
}

export interface ListenVariables {
  readonly LISTEN_PID?: number | undefined;
  readonly LISTEN_FDS: number;
  readonly LISTEN_FDNAMES: string;
}

const FIRST_DESCRIPTOR = 3;

/** What was given to another process, and only reached this one because environments are inherited, is none. */
export function inheritedSockets(variables: ListenVariables, pid: number): InheritedSockets {
  const { LISTEN_PID, LISTEN_FDS } = variables;
  const count = LISTEN_PID === pid ? LISTEN_FDS : 0;
  const names = Array.from({ length: count }, (_, index) => variables.LISTEN_FDNAMES.split(':')[index] ?? '');
  const named = (isIt: (name: string) => boolean): number | null => {
    const index = names.findIndex(isIt);
    return index === -1 ? null : FIRST_DESCRIPTOR + index;
  };
  const others: readonly string[] = SOCKET_NAMES.slice(1);
  return {
    // systemd calls a socket by its unit when it has no FileDescriptorName: the first of those is the door.
    door: named((name) => name === 'door') ?? named((name) => !others.includes(name)),
    'door-tls': named((name) => name === 'door-tls'),
    admin: named((name) => name === 'admin'),
  };
}

/** Those that listen, by their names, for a process that is to inherit them. Throws when one of them does not listen. */
export function givenSockets(servers: Readonly<Partial<Record<SocketName, Server>>>): GivenSockets {
  const names = SOCKET_NAMES.filter((name) => servers[name] !== undefined);
  const descriptors = names.map((name) => {
    const descriptor = descriptorOf(servers[name]!);
    if (descriptor === null) throw new Error(`the socket ${name}, which would be handed on, does not listen`);
    return descriptor;
  });
  return {
    descriptors,
    variables: { LISTEN_FDS: String(descriptors.length), LISTEN_FDNAMES: names.join(':') },
  };
}

/** The command line that starts `argv` with its own process id in LISTEN_PID: the protocol wants it, and nobody else knows it before. */
export const activated = (argv: readonly string[]): readonly string[] => ['/bin/sh', '-c', ACTIVATE, 'sh', ...argv];

const ACTIVATE = 'LISTEN_PID=$$ && export LISTEN_PID && exec "$@"';

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
