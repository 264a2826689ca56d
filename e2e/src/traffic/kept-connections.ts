/** Kept HTTP/1.1 connections to one origin, on which a request is sent exactly once: whatever becomes of it is told, and nothing is tried again. */
import { Agent, request } from 'node:http';
import type { ClientRequest } from 'node:http';
import type { Socket } from 'node:net';
import { DeploymentOrder } from './deployment-order.ts';
import type { OrderRule } from './deployment-order.ts';

export interface Ask {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly deadlineMs: number;
  /** Writes the body and ends the request. */
  readonly write: (request: ClientRequest) => void;
}

export type Outcome =
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly deployment: string | null;
      readonly body: Buffer;
      /** Why this deployment should not have answered here; null when it may. */
      readonly disorder: string | null;
    }
  | { readonly kind: 'broken'; readonly cause: 'transport' | 'late'; readonly reason: string };

interface Connection {
  readonly order: DeploymentOrder;
  isBusy: boolean;
  /** The other side said that it would close it. */
  isLast: boolean;
}

export interface KeptConnectionsOptions {
  readonly origin: URL;
  /** Requests beyond these wait for a connection. */
  readonly connectionsMax: number;
  readonly rule: OrderRule;
  readonly onIdleClose: () => void;
}

export class KeptConnections {
  private readonly options: KeptConnectionsOptions;
  private readonly agent: Agent;
  private readonly connections = new WeakMap<Socket, Connection>();

  constructor(options: KeptConnectionsOptions) {
    this.options = options;
    // In turn, so that each connection stays in use: a swap must be seen by all of them.
    this.agent = new Agent({
      keepAlive: true,
      scheduling: 'fifo',
      maxSockets: options.connectionsMax,
      maxFreeSockets: options.connectionsMax,
    });
  }

  /** Never rejects. */
  send(ask: Ask): Promise<Outcome> {
    return new Promise((resolve) => {
      let connection: Connection | null = null;
      const settle = (outcome: Outcome) => {
        clearTimeout(timer);
        if (connection !== null) connection.isBusy = false;
        resolve(outcome);
      };
      const broken = (error: NodeJS.ErrnoException) =>
        settle({ kind: 'broken', cause: 'transport', reason: `${error.code ?? error.name} ${error.message}` });
      const { hostname, port } = this.options.origin;
      const sent = request({
        agent: this.agent,
        hostname,
        port,
        method: ask.method,
        path: ask.path,
        headers: ask.headers,
      });
      const timer = setTimeout(() => {
        settle({ kind: 'broken', cause: 'late', reason: `no whole answer within ${ask.deadlineMs} ms` });
        sent.destroy();
      }, ask.deadlineMs);
      sent.once('socket', (socket) => (connection = this.connectionOf(socket)));
      // Stays for good: an error may follow the first one, and one that nobody hears ends the process.
      sent.on('error', broken);
      sent.once('response', (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', broken);
        response.once('end', () => {
          if (!response.complete) return broken(new Error('the answer ended before it was whole'));
          const deployment = (response.headers['x-deployment'] as string | undefined) ?? null;
          const disorder = deployment === null ? null : (connection?.order.answered(deployment) ?? null);
          if (connection !== null && response.headers.connection === 'close') connection.isLast = true;
          settle({
            kind: 'answered',
            status: response.statusCode!,
            deployment,
            body: Buffer.concat(chunks),
            disorder,
          });
          // An answer before the whole request was sent, such as a refused upload: the rest is of no use.
          if (!sent.writableEnded) sent.destroy();
        });
      });
      ask.write(sent);
    });
  }

  close(): void {
    this.agent.destroy();
  }

  private connectionOf(socket: Socket): Connection {
    let connection = this.connections.get(socket);
    if (connection === undefined) {
      const made: Connection = { order: new DeploymentOrder(this.options.rule), isBusy: true, isLast: false };
      this.connections.set(socket, (connection = made));
      socket.once('close', () => {
        if (!made.isBusy && !made.isLast) this.options.onIdleClose();
      });
    }
    connection.isBusy = true;
    return connection;
  }
}
