/** One HTTP/2 connection of a client: its streams as exchanges, and what it may not do to us. */
import { createHash } from 'node:crypto';
import { constants, performServerHandshake } from 'node:http2';
import type { ServerHttp2Session, ServerHttp2Stream, ServerOptions } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { Exchange } from '../../exchange.ts';
import type { Upgrade } from '../../exchange.ts';
import type { Way } from '../../way.ts';
import { connectionOf } from '../client-connection.ts';
import type { ClientConnection } from '../client-connection.ts';
import { readStreamHead } from './request-head.ts';
import { StreamClientSide } from './stream-client-side.ts';

export interface SessionSurroundings {
  readonly way: Way;
  readonly nowMs: () => number;
  /** How long the connection may be quiet while nothing is answered on it. */
  readonly keepAliveMs: number;
  /** Whether no further request is taken on connections like this one. */
  readonly isLeaving: () => boolean;
  readonly began: (exchange: Exchange) => void;
  readonly closed: (exchange: Exchange) => void;
}

/**
 * What nghttp2 and Node.js limit for us, beside floods of CONTINUATION, SETTINGS and PING, which they end by themselves. A head has
 * nine frames of 16 KiB at most; one of more than 16 KiB is answered 431.
 */
const LIMITS: ServerOptions & { readonly maxOutstandingSettings: number } = {
  settings: {
    maxConcurrentStreams: 100,
    maxHeaderListSize: 32_768,
    // As much of a body as may wait here for a slow service: times the streams, what one client can make us hold.
    initialWindowSize: 131_072,
    enablePush: false,
    enableConnectProtocol: true,
  },
  maxHeaderListPairs: 256,
  maxSessionMemory: 10,
  maxSessionInvalidFrames: 100,
  maxSessionRejectedStreams: 100,
  maxOutstandingPings: 10,
  maxOutstandingSettings: 10,
  streamResetBurst: 500,
  streamResetRate: 50,
  // Services may answer with fields twice that stand once; that is not for us to judge.
  strictSingleValueFields: false,
};

/** Requests that were begun and given up again: so many at once, and so many a second (CVE-2023-44487, CVE-2025-8671). A browser that leaves a page gives up 100 at most. */
const WASTED_MAX = 300;
const WASTED_PER_SECOND = 50;
/** RFC 6455 section 1.3. */
const WEB_SOCKET_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const EMPTY = Buffer.alloc(0);

export class ClientSession {
  private readonly session: ServerHttp2Session;
  private readonly around: SessionSurroundings;
  private readonly connection: ClientConnection;
  private wasted = 0;
  private wastedAtMs: number;

  constructor(socket: TLSSocket, around: SessionSurroundings) {
    this.around = around;
    this.wastedAtMs = around.nowMs();
    this.connection = connectionOf(socket);
    this.connection.end = () => this.leave();
    // Otherwise nothing would tell that the client has left.
    socket.allowHalfOpen = false;
    this.session = performServerHandshake(socket, LIMITS);
    this.session.on('error', ignore);
    this.session.setTimeout(around.keepAliveMs, () => {
      if (this.connection.isIdle) this.leave();
    });
    this.session.on('stream', (stream, _headers, flags, rawHeaders) => this.take(stream, flags, rawHeaders));
  }

  get isAnswering(): boolean {
    return this.connection.running > 0;
  }

  /** Tells the client which of its requests is the last one that is answered (GOAWAY); the connection ends with that answer. */
  leave(): void {
    if (!this.session.closed && !this.session.destroyed) this.session.close();
  }

  private take(stream: ServerHttp2Stream, flags: number, rawHeaders: readonly string[]): void {
    const { around, connection } = this;
    const head = readStreamHead(rawHeaders);
    const client = new StreamClientSide(stream, head, connection, (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0);
    const upgrade = head.webSocketKey === '' ? null : upgradeOf(stream, head.webSocketKey);
    const exchange = new Exchange(client, upgrade, around.nowMs(), around.closed);
    stream.on('close', () => {
      if (!client.isAnswered && upgrade === null) this.waste();
      around.way.close(exchange);
    });
    connection.running += 1;
    around.began(exchange);
    if (around.isLeaving()) this.leave();
    around.way.proceed(exchange);
  }

  /** A client that begins requests for nothing but the work they make is sent away. */
  private waste(): void {
    const nowMs = this.around.nowMs();
    const forgivenMs = nowMs - this.wastedAtMs;
    this.wastedAtMs = nowMs;
    this.wasted = Math.max(0, this.wasted - (forgivenMs * WASTED_PER_SECOND) / 1_000) + 1;
    if (this.wasted > WASTED_MAX && !this.session.destroyed)
      this.session.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }
}

/** A WebSocket on a stream (RFC 8441); towards the service it is one on a connection of HTTP/1.1. */
function upgradeOf(stream: ServerHttp2Stream, key: string): Upgrade {
  return {
    stream,
    head: EMPTY,
    accept: (headers) => {
      if (stream.closed || stream.destroyed) return;
      const passed: string[] = [];
      let accepted = '';
      for (let index = 0; index < headers.length; index += 2) {
        if (headers[index]!.toLowerCase() === 'sec-websocket-accept') accepted = headers[index + 1]!;
        else passed.push(headers[index]!, headers[index + 1]!);
      }
      // Nobody behind us will look at it.
      if (accepted === acceptOf(key)) stream.respond([':status', '200', ...passed]);
      else stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    },
  };
}

const acceptOf = (key: string): string =>
  createHash('sha1')
    .update(key + WEB_SOCKET_GUID)
    .digest('base64');

function ignore(): void {}
