/**
 * One connection of a client, as long as it sends plain requests: read and answered on the socket itself. It never guesses: whatever is
 * not plain is handed to node:http, from the first byte of that request on, and the connection stays there.
 */
import { STATUS_CODES } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { writeCopy } from '../copied-write.ts';
import { Exchange } from '../exchange.ts';
import type { Way } from '../way.ts';
import { connectionOf } from './client-connection.ts';
import type { ClientConnection } from './client-connection.ts';
import type { BodyReader, ClientSide, RequestHead } from './client-side.ts';
import { readPlainRequest } from './plain-request.ts';
import { giveBack, readInto } from './read-memory.ts';

export interface LaneSurroundings {
  readonly way: Way;
  readonly nowMs: () => number;
  readonly headMaxBytes: number;
  /** How long the connection may be quiet between two requests. */
  readonly keepAliveMs: number;
  /** Whether no further request is taken on connections like this one. */
  readonly isLeaving: () => boolean;
  readonly began: (exchange: Exchange) => void;
  readonly closed: (exchange: Exchange) => void;
  /** It was begun here and is read again by node:http: nothing has come of it. */
  readonly withdrawn: (exchange: Exchange) => void;
  /** Gives the socket to node:http, which reads what was put back. */
  readonly toHttp: (socket: Socket) => void;
}

/** A piece up to this length is joined to the head before it: one write instead of two. */
const ONE_WRITE_MAX_BYTES = 16_384;
/** Of requests that wait behind the one that is answered. */
const HELD_MAX_BYTES = 16_384;
const NOTHING = Buffer.alloc(0);

export class FastLane implements ClientSide {
  readonly connection: ClientConnection;
  private readonly socket: Socket;
  private readonly around: LaneSurroundings;
  private exchange: Exchange | null = null;
  private request: RequestHead | null = null;
  /** Its head as it came, with the line break before the empty line: node:http may have to read it again. */
  private headText = '';
  /** Bytes that arrived and were not worked off: of the body, then of requests that follow. */
  private held: Buffer = NOTHING;
  private bodyLeft = 0;
  private reader: BodyReader | null = null;
  private isBodyPaused = false;
  private isDiscarding = false;
  /** Part of the answer that has not left yet. */
  private pending = '';
  private isBegun = false;
  private isChunked = false;
  private isEnded = false;
  private closesAfter = false;
  private wake: (() => void) | null = null;
  private isWorking = false;
  private isPaused = false;
  private readonly keepAlive: string;

  constructor(socket: Socket, around: LaneSurroundings) {
    this.socket = socket;
    this.around = around;
    this.connection = connectionOf(socket);
    this.keepAlive = `connection: keep-alive\r\nkeep-alive: timeout=${Math.floor(around.keepAliveMs / 1_000)}\r\n\r\n`;
    socket.setTimeout(around.keepAliveMs);
    if (readInto(socket, this.onData)) socket.resume();
    else socket.on('data', this.onData);
    socket.on('end', this.onEnd);
    socket.on('close', this.onClose);
    socket.on('drain', this.onDrained);
    socket.on('timeout', this.onTimeout);
    socket.on('error', ignore);
  }

  // Reading.

  private readonly onData = (piece: Buffer): void => {
    this.held = this.held.length === 0 ? piece : Buffer.concat([this.held, piece]);
    this.work();
    if (this.held.length === 0) return;
    // Its memory is needed for the next read.
    this.held = Buffer.from(this.held);
    // Nobody wants it yet. As long as it is little, reading goes on, for the client may leave; then the kernel keeps what comes.
    if (this.hasEnough) this.pause();
  };

  /** Works off what arrived, as far as it may be. */
  private work(): void {
    if (this.isWorking) return;
    this.isWorking = true;
    while (this.held.length > 0) {
      if (this.bodyLeft > 0) {
        if (!this.readBodyPiece()) break;
      } else if (this.exchange !== null || !this.readRequest()) break;
    }
    this.isWorking = false;
  }

  /** false: the connection is not ours any more. */
  private readRequest(): boolean {
    const { held, around } = this;
    if (this.connection.isClosing) {
      this.held = NOTHING;
      return false;
    }
    const end = held.indexOf('\r\n\r\n', 0, 'latin1');
    const text = end === -1 || end > around.headMaxBytes ? '' : held.toString('latin1', 0, end + 2);
    const request = text === '' ? null : readPlainRequest(text);
    if (request === null) {
      this.handOver();
      return false;
    }
    this.headText = text;
    this.held = end + 4 === held.length ? NOTHING : held.subarray(end + 4);
    this.begun(request, request.bodyLength);
    return true;
  }

  private begun(request: RequestHead, bodyLength: number): void {
    const { around } = this;
    this.request = request;
    this.bodyLeft = bodyLength;
    this.reader = null;
    this.isBodyPaused = this.isDiscarding = this.isBegun = this.isChunked = this.isEnded = false;
    this.closesAfter = false;
    this.wake = null;
    const exchange = new Exchange(this, null, around.nowMs(), around.closed);
    this.exchange = exchange;
    this.connection.running += 1;
    around.began(exchange);
    if (around.isLeaving()) this.closeAfter();
    around.way.proceed(exchange);
  }

  /** false: nobody wants it now. */
  private readBodyPiece(): boolean {
    const { held, reader } = this;
    if (!this.isDiscarding && (reader === null || this.isBodyPaused)) return false;
    const length = Math.min(held.length, this.bodyLeft);
    this.held = length === held.length ? NOTHING : held.subarray(length);
    this.bodyLeft -= length;
    if (this.isDiscarding) return true;
    reader!.bodyData(length === held.length ? held : held.subarray(0, length));
    // Whoever got it may have given up, and another request may be read by now.
    if (this.bodyLeft === 0 && this.reader === reader) reader!.bodyEnded();
    return true;
  }

  private handOver(): void {
    const { socket, held } = this;
    this.held = NOTHING;
    socket.off('data', this.onData);
    socket.off('end', this.onEnd);
    socket.off('close', this.onClose);
    socket.off('drain', this.onDrained);
    socket.off('timeout', this.onTimeout);
    socket.setTimeout(0);
    socket.pause();
    giveBack(socket);
    if (held.length > 0) socket.unshift(Buffer.from(held));
    this.around.toHttp(socket);
    socket.resume();
  }

  // The connection.

  /** The client has closed its side: as node:http does, we take it that it has left. */
  private readonly onEnd = (): void => {
    if (this.exchange === null || this.isEnded) this.socket.destroySoon();
    else this.socket.destroy();
  };

  private readonly onClose = (): void => {
    const { exchange } = this;
    if (exchange !== null) this.around.way.close(exchange);
  };

  private readonly onTimeout = (): void => {
    if (this.exchange === null) this.socket.destroy();
  };

  private readonly onDrained = (): void => {
    if (!this.isEnded) this.wake?.();
  };

  // What the exchange sees.

  get head(): RequestHead {
    return this.request!;
  }

  get isWanted(): boolean {
    return !this.socket.destroyed && !this.isEnded;
  }

  get hasHead(): boolean {
    return this.isBegun;
  }

  get isAnswered(): boolean {
    return this.isEnded && this.socket.writableLength === 0;
  }

  get hasWholeBody(): boolean {
    return this.bodyLeft === 0;
  }

  get isItsTurn(): boolean {
    return true;
  }

  get waitingBytes(): number {
    return this.pending.length + this.socket.writableLength;
  }

  sendContinue(): void {
    throw new Error('a plain request expects nothing');
  }

  readBody(reader: BodyReader): void {
    this.reader = reader;
    this.resumeBody();
  }

  pauseBody(): void {
    this.isBodyPaused = true;
    this.pause();
  }

  resumeBody(): void {
    this.isBodyPaused = false;
    this.deliver();
    if (!this.isBodyPaused) this.resume();
  }

  discardBody(): void {
    this.reader = null;
    if (this.bodyLeft === 0) return;
    this.isDiscarding = true;
    this.deliver();
    this.resume();
  }

  /** The body's bytes that are here already, at once: they leave in the same write as the head. */
  private deliver(): void {
    while (this.held.length > 0 && this.bodyLeft > 0) if (!this.readBodyPiece()) return;
  }

  begin(status: number, reason: string, headers: string[], bodyLength: number): void {
    let text = `HTTP/1.1 ${status} ${reason === '' ? (STATUS_CODES[status] ?? 'Unknown') : reason}\r\n`;
    for (let index = 0; index < headers.length; index += 2) text += `${headers[index]}: ${headers[index + 1]}\r\n`;
    this.isChunked = bodyLength === -1;
    if (this.isChunked) text += 'transfer-encoding: chunked\r\n';
    this.isBegun = true;
    this.pending = text + (this.closesAfter ? 'connection: close\r\n\r\n' : this.keepAlive);
  }

  write(piece: Buffer): boolean {
    if (piece.length === 0) return true;
    const before = this.isChunked ? `${this.pending}${piece.length.toString(16)}\r\n` : this.pending;
    const after = this.isChunked ? '\r\n' : '';
    if (piece.length <= ONE_WRITE_MAX_BYTES) {
      this.pending = before + piece.toString('latin1') + after;
      if (this.pending.length > ONE_WRITE_MAX_BYTES) this.flush();
    } else {
      this.pending = after;
      this.socket.cork();
      if (before !== '') this.socket.write(before, 'latin1');
      writeCopy(this.socket, piece);
      this.socket.uncork();
    }
    return !this.socket.writableNeedDrain;
  }

  flush(): void {
    if (this.pending === '') return;
    const { pending } = this;
    this.pending = '';
    this.socket.write(pending, 'latin1');
  }

  onDrain(wake: () => void): void {
    this.wake = wake;
  }

  end(trailers: readonly [string, string][] = []): void {
    if (this.isChunked) {
      this.pending += '0\r\n';
      for (const [name, value] of trailers) this.pending += `${name}: ${value}\r\n`;
      this.pending += '\r\n';
    }
    this.isEnded = true;
    const { socket, pending } = this;
    // By TLS nothing leaves at once; a plain socket has mostly given all of it to the kernel when the call returns.
    if (pending !== '' && this.connection.isSecure) {
      this.pending = '';
      socket.write(pending, 'latin1', this.onWritten);
      return;
    }
    this.flush();
    if (socket.writableLength === 0) this.finished();
    // Below its mark a socket tells of no drain.
    else socket.write('', 'latin1', this.onWritten);
  }

  private readonly onWritten = (error?: Error | null): void => {
    if (error === undefined || error === null) this.finished();
  };

  /** The answer has left: the next request may be read. */
  private finished(): void {
    const { exchange } = this;
    this.exchange = null;
    if (exchange === null) return;
    this.around.way.close(exchange);
    if (this.bodyLeft > 0) this.isDiscarding = true;
    if (this.closesAfter || this.connection.isClosing) {
      this.connection.closeAfterAnswer();
      this.socket.destroySoon();
      return;
    }
    this.isBodyPaused = false;
    this.work();
    // Also when the next request has begun: that its client leaves is only seen while its connection is read.
    if (!this.hasEnough) this.resume();
  }

  private get hasEnough(): boolean {
    return this.isBodyPaused || this.held.length > (this.bodyLeft > 0 ? 0 : HELD_MAX_BYTES);
  }

  private pause(): void {
    if (!this.isPaused) this.socket.pause();
    this.isPaused = true;
  }

  private resume(): void {
    if (this.isPaused) this.socket.resume();
    this.isPaused = false;
  }

  closeAfter(): void {
    this.closesAfter = true;
  }

  cut(): void {
    this.socket.destroy();
  }

  /** Applications of node:http need its own request and response: it reads this request once more. */
  answerBy(_application: (request: IncomingMessage, response: ServerResponse) => void): void {
    const { exchange } = this;
    this.exchange = null;
    this.connection.running -= 1;
    this.around.withdrawn(exchange!);
    this.held = Buffer.concat([Buffer.from(`${this.headText}\r\n`, 'latin1'), this.held]);
    this.handOver();
  }
}

function ignore(): void {}
