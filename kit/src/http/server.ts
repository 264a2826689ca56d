/** An HTTP server that listens or says why not, and closes without cutting anybody off. */
import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import type { AddressInfo, Server as NetServer } from 'node:net';

export interface ListenOptions {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** Idle keep-alive connections are kept this long; above the gateway's own 60 s, so that it is never the service that closes first. Default 75 s. */
  readonly keepAliveTimeoutMs?: number;
}

/** Listening, or an error that names the address and what to do about it. */
export async function listen(handler: RequestListener, options: ListenOptions): Promise<Server> {
  const server = createServer(
    { keepAliveTimeout: options.keepAliveTimeoutMs ?? 75_000, requestTimeout: 0, noDelay: true },
    handler,
  );
  await listenOn(server, options);
  return server;
}

/** The same for a server made elsewhere. */
export async function listenOn(server: NetServer, options: ListenOptions): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => {
      const where = `${options.host}:${options.port}`;
      reject(
        error.code === 'EADDRINUSE'
          ? new Error(`port taken: ${where} is already in use (yard doctor says by whom)`, {
              cause: error,
            })
          : new Error(`cannot listen on ${where}: ${error.message}`, { cause: error }),
      );
    };
    server.once('error', onError);
    server.listen({ port: options.port, host: options.host }, () => {
      server.off('error', onError); // a later one is nobody's to swallow
      resolve();
    });
  });
}

export const portOf = (server: NetServer): number => (server.address() as AddressInfo).port;

/**
 * Takes no new connection, lets every running request end, closes idle connections at once and each other one after its answer.
 * After `graceMs` (default 5 s) what is left, such as event streams, is cut.
 */
export async function closeServer(server: Server, graceMs = 5_000): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
    const sweep = setInterval(() => server.closeIdleConnections(), 50);
    const cut = setTimeout(() => server.closeAllConnections(), graceMs);
    server.once('close', () => {
      clearInterval(sweep);
      clearTimeout(cut);
    });
  });
}
