/** The HTTP server that clients connect to: parser limits, and how each kind of arrival becomes an exchange. */
import { closeSync } from 'node:fs';
import { createServer, ServerResponse } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import { Server as NetServer } from 'node:net';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { GatewaySettings } from '@switchyard/contracts/gateway-settings';
import { listenOn } from '@switchyard/kit/http/server';
import { Exchange } from '../exchange.ts';
import type { Upgrade } from '../exchange.ts';
import type { Way } from '../way.ts';
import { listenOnInherited } from '../handover/inherited-sockets.ts';
import type { SocketName } from '../handover/inherited-sockets.ts';
import type { ClientConnection } from './client-connection.ts';
import { connectionOf } from './client-connection.ts';
import { depart } from './departure.ts';
import type { Departure } from './departure.ts';
import { FastLane } from './fast-lane.ts';
import type { LaneSurroundings } from './fast-lane.ts';
import { HttpClientSide } from './http-client-side.ts';
import { ClientSession } from './http2/client-session.ts';
import { TlsDoor } from './tls/tls-door.ts';
import type { TlsDoorOptions } from './tls/tls-door.ts';
import { answerUnparsed } from './unparsed.ts';

const HEAD_MAX_BYTES = 16_384;

const EXCHANGE = Symbol('exchange');
type Carrier = ServerResponse & { [EXCHANGE]?: Exchange };

export interface FrontDoorOptions {
  readonly way: Way;
  readonly nowMs: () => number;
  readonly clients: GatewaySettings['clients'];
  /** Without it there is no HTTPS. */
  readonly tls?: Pick<TlsDoorOptions, 'pair' | 'port' | 'ticketKeys'> | undefined;
}

export class FrontDoor {
  readonly server: Server;
  readonly tls: TlsDoor | null;
  private readonly way: Way;
  private readonly nowMs: () => number;
  private isClosing = false;
  private isDeparting = false;
  private readonly running = new Set<Exchange>();
  private wakeWhenIdle = (): void => {};
  private readonly sockets = new Set<Socket>();
  private readonly sessions = new Set<ClientSession>();
  private readonly lane: LaneSurroundings;

  constructor(options: FrontDoorOptions) {
    const { clients } = options;
    this.way = options.way;
    this.nowMs = options.nowMs;
    this.server = createServer({
      insecureHTTPParser: false,
      maxHeaderSize: HEAD_MAX_BYTES,
      // Checked by our own stage, which answers a problem document.
      requireHostHeader: false,
      headersTimeout: clients.headTimeoutMs,
      // Bodies may take as long as they flow; silence is noticed where they are read.
      requestTimeout: 0,
      connectionsCheckingInterval: 2_000,
      keepAliveTimeout: clients.keepAliveMs,
      noDelay: true,
      // Anything but a WebSocket (h2c above all) is answered as if the upgrade had not been asked for; so is a WebSocket
      // behind a request that still waits for its answer on the same connection.
      shouldUpgradeCallback: (request) => isWebSocket(request) && connectionOf(request.socket).isIdle,
    });
    // 0: never cut off silently; more than 100 headers are refused by our own stage.
    this.server.maxHeadersCount = 0;
    this.server.maxConnections = clients.connections;
    const { way } = this;
    function closed(this: Carrier): void {
      way.close(this[EXCHANGE]!);
    }
    const take = (request: IncomingMessage, response: ServerResponse): void =>
      this.take(request, response, null, closed);
    this.server.on('request', take);
    this.server.on('checkContinue', take);
    this.server.on('checkExpectation', take);
    this.server.on('upgrade', (request: IncomingMessage, stream: Duplex, head: Buffer) =>
      this.takeUpgrade(request, stream, head, closed),
    );
    this.server.on('connect', (request: IncomingMessage, stream: Duplex) =>
      this.takeUpgrade(request, stream, Buffer.alloc(0), closed),
    );
    this.server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) =>
      answerUnparsed(error, socket as Socket),
    );
    this.lane = this.openLane(clients.keepAliveMs);
    const { tls } = options;
    this.tls =
      tls === undefined
        ? null
        : new TlsDoor({
            ...tls,
            connectionsMax: clients.connections,
            onConnection: (socket) => {
              if (socket.alpnProtocol === 'h2') return this.enterHttp2(socket);
              this.enter(socket);
              socket.resume();
            },
          });
  }

  /**
   * Connections begin in the fast lane. node:http keeps its own listener for those that are handed to it, and all its limits.
   */
  private openLane(keepAliveMs: number): LaneSurroundings {
    const { server, way, nowMs } = this;
    const listeners = server.listeners('connection');
    server.removeAllListeners('connection');
    server.on('connection', (socket: Socket) => this.enter(socket));
    return {
      way,
      nowMs,
      headMaxBytes: HEAD_MAX_BYTES,
      keepAliveMs,
      isLeaving: () => this.isClosing || this.isDeparting,
      began: (exchange) => this.running.add(exchange),
      closed: this.onClosed,
      withdrawn: (exchange) => this.running.delete(exchange),
      toHttp: (socket) => {
        for (const listener of listeners) listener.call(server, socket);
      },
    };
  }

  /** A connection of HTTP/1.1, by TLS or not. */
  private enter(socket: Socket): void {
    this.sockets.add(socket);
    socket.once('close', () => this.connectionClosed(socket));
    void new FastLane(socket, this.lane);
  }

  private enterHttp2(socket: TLSSocket): void {
    const session = new ClientSession(socket, this.lane);
    this.sockets.add(socket);
    this.sessions.add(session);
    socket.once('close', () => {
      this.sessions.delete(session);
      this.connectionClosed(socket);
    });
  }

  get connections(): number {
    return this.sockets.size + (this.tls?.arriving ?? 0);
  }

  /** On an address of its own, or on a socket that listens already, by its descriptor. */
  async listen(at: { readonly host: string; readonly port: number } | number): Promise<void> {
    if (typeof at === 'number') await listenOnInherited(this.server, at);
    else await listenOn(this.server, at);
  }

  /** Where HTTPS is served: on the socket that listens there already, by its descriptor, or on one of its own. */
  async listenSecure(inherited: number | null, host: string): Promise<void> {
    if (this.tls !== null) await this.tls.listen(inherited, host);
    else if (inherited !== null) closeSync(inherited);
  }

  /** By the names under which they are handed on. */
  get servers(): Readonly<Partial<Record<SocketName, NetServer>>> {
    return this.tls === null ? { door: this.server } : { door: this.server, 'door-tls': this.tls.server };
  }

  /**
   * Leaves the door to another process that accepts at it. The socket stays open there, and so does its queue; what has been
   * accepted here is served to its end. What is left when the time is over is cut.
   */
  async leave(departure: Omit<Departure, 'nowMs' | 'arriving'>): Promise<void> {
    this.isDeparting = true;
    this.stopAccepting();
    // Answers go out in the order of their requests: only the last one of a connection may say that it is the last.
    const last = new Map<ClientConnection, Exchange>();
    for (const exchange of this.running) if (exchange.upgrade === null) last.set(exchange.connection, exchange);
    for (const { client } of last.values()) if (!client.hasHead) client.closeAfter();
    for (const session of this.sessions) if (session.isAnswering) session.leave();
    await depart(this.sockets, { ...departure, nowMs: this.nowMs, arriving: () => this.tls?.arriving ?? 0 });
    this.cut();
  }

  /**
   * Takes no new connection. Requests on open connections are still answered, each with `Connection: close`; resolves when none
   * runs any more, or after `graceMs`, when what is left is cut.
   *
   * It is the net server that is closed: `http.Server.close` also resets connections that were accepted just now.
   */
  async close(graceMs: number): Promise<void> {
    this.isClosing = true;
    this.stopAccepting();
    for (const { client, upgrade } of this.running) if (upgrade === null && !client.hasHead) client.closeAfter();
    for (const session of this.sessions) session.leave();
    await new Promise<void>((resolve) => {
      const cut = setTimeout(resolve, graceMs);
      // A request may be on its way on a connection that looks idle: they are closed a moment later.
      const lookAgain = (): void => {
        if (this.running.size > 0) return;
        clearTimeout(cut);
        setTimeout(resolve, 50);
      };
      this.wakeWhenIdle = lookAgain;
      lookAgain();
    });
    this.cut();
  }

  private stopAccepting(): void {
    for (const server of [this.server, this.tls?.server])
      if (server?.listening === true) NetServer.prototype.close.call(server);
  }

  private cut(): void {
    this.server.closeAllConnections();
    for (const socket of this.sockets) socket.destroy();
    this.tls?.cut();
  }

  private take(
    request: IncomingMessage,
    response: ServerResponse,
    upgrade: Upgrade | null,
    closed: (this: ServerResponse) => void,
  ): void {
    const connection = connectionOf(request.socket);
    // What follows a refused request on its connection is nothing that we could rely on.
    if (connection.isClosing) {
      request.resume();
      return;
    }
    const client = new HttpClientSide(request, response, connection);
    const exchange = new Exchange(client, upgrade, this.nowMs(), this.onClosed);
    (response as Carrier)[EXCHANGE] = exchange;
    response.on('close', closed);
    connection.running += 1;
    this.running.add(exchange);
    if (this.isClosing) response.shouldKeepAlive = false;
    else if (this.isDeparting && upgrade === null) client.closeAfter();
    this.way.proceed(exchange);
  }

  /** An upgrade leaves Node's HTTP server behind; a response of our own makes it an exchange like any other until it is accepted. */
  private takeUpgrade(
    request: IncomingMessage,
    stream: Duplex,
    head: Buffer,
    closed: (this: ServerResponse) => void,
  ): void {
    // While a body is on its way, Node gives a stream of its own; such a request is refused, on the connection itself.
    const { socket } = request;
    stream.on('error', ignore);
    socket.on('error', ignore);
    // A CONNECT behind other requests: Node has let go of the connection, and their answers could not be told from what follows.
    if (!connectionOf(socket).isIdle) return void socket.destroy();
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    response.on('finish', () => socket.destroySoon());
    const accept = (headers: readonly string[]): void => {
      let written = 'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n';
      for (let index = 0; index < headers.length; index += 2) written += `${headers[index]}: ${headers[index + 1]}\r\n`;
      response.detachSocket(socket);
      socket.write(`${written}\r\n`, 'latin1');
    };
    this.take(request, response, { stream: socket, head, accept }, closed);
  }

  /** Answers that wait behind another one on their connection (pipelining) are not told by Node that it has closed. */
  private connectionClosed(socket: Socket): void {
    this.sockets.delete(socket);
    const connection = connectionOf(socket);
    if (connection.running === 0) return;
    for (const exchange of this.running) if (exchange.connection === connection) this.way.close(exchange);
  }

  private readonly onClosed = (exchange: Exchange): void => {
    exchange.connection.running -= 1;
    this.running.delete(exchange);
    if (this.isClosing && this.running.size === 0) this.wakeWhenIdle();
  };
}

/** The only protocol that is passed through. */
function isWebSocket(request: IncomingMessage): boolean {
  return request.method === 'GET' && /^websocket$/i.test(request.headers.upgrade ?? '');
}

function ignore(): void {}
