/** One connection to an instance: carries one request at a time, and tells how its answer comes. */
import { connect } from 'node:net';
import type { LookupFunction, Socket } from 'node:net';
import { writeCopy } from '../copied-write.ts';
import { AnswerParser } from './answer-parser.ts';
import type { AnswerSink } from './answer-parser.ts';

/** What is told of one request; `onBroken` or `onEnd` comes last, once, unless the request was given up. */
export interface AnswerHandler extends AnswerSink {
  /** The connection is its own until the end of the answer. It may not be there yet. */
  onTaken(connection: UpstreamConnection): void;
  /** It is there: what is sent from now on may reach the instance. */
  onReady(): void;
  /** A byte of the answer has come. */
  hasAnswer: boolean;
  /** What came with one read was told. */
  onPause(): void;
  /** The instance takes more of the body. */
  onDrain(): void;
  onBroken(error: Error): void;
}

export interface OutgoingHead {
  /** Request line and headers, with the empty line. */
  readonly text: string;
  /** Its answer has no body, whatever its head says. */
  readonly isHeadRequest: boolean;
}

export interface ConnectionOptions {
  readonly host: string;
  readonly port: number;
  readonly lookup: LookupFunction;
  readonly connectTimeoutMs: number;
  /** It is free for another request. */
  readonly onFree: (connection: UpstreamConnection) => void;
  readonly onClosed: (connection: UpstreamConnection) => void;
}

/**
 * Every read of every connection goes here, and is worked off before the next one: no memory is taken for an answer that is handed on
 * at once. What is kept longer is copied by who keeps it.
 */
const READ_BUFFER = Buffer.allocUnsafeSlow(65_536);
/** A body up to this length goes out together with its head. */
const ONE_WRITE_MAX_BYTES = 16_384;

export class UpstreamConnection {
  /** `performance.now()` until which the instance keeps it open while it is idle. */
  idleUntilMs = Infinity;
  /** `performance.now()` since when it is idle. */
  idleSinceMs = 0;
  private readonly options: ConnectionOptions;
  private readonly socket: Socket;
  private readonly parser = new AnswerParser();
  private handler: AnswerHandler | null = null;
  private isConnected = false;
  private isClosed = false;
  /** A head that waits for the first bytes of its body. */
  private head = '';
  private isChunked = false;
  private isSending = false;
  private error: Error | null = null;

  constructor(options: ConnectionOptions) {
    this.options = options;
    const { host, port, lookup, connectTimeoutMs } = options;
    const socket = connect({
      host,
      port,
      lookup,
      noDelay: true,
      onread: { buffer: READ_BUFFER, callback: (length, buffer) => this.read(buffer as Buffer, length) },
    });
    this.socket = socket;
    const late = setTimeout(() => socket.destroy(new Error('no connection in time')), connectTimeoutMs);
    socket.once('connect', () => {
      clearTimeout(late);
      this.isConnected = true;
      this.handler?.onReady();
    });
    socket.on('drain', () => this.handler?.onDrain());
    socket.on('end', () => this.ended());
    socket.on('error', (error: Error) => (this.error = error));
    socket.on('close', () => {
      clearTimeout(late);
      this.closed();
    });
  }

  /** false: it is broken or closed, even where that has not been told yet. */
  get isOpen(): boolean {
    return !this.isClosed && !this.socket.destroyed;
  }

  /** What an idle service said of how long it keeps the connection, in seconds. */
  get keepAliveSeconds(): number {
    return this.parser.keepAliveSeconds;
  }

  /** Takes the connection for one request; `onReady` is called at once when there is a connection already. */
  take(handler: AnswerHandler): void {
    this.handler = handler;
    handler.onTaken(this);
    if (this.isConnected) handler.onReady();
  }

  /** A request without a body. */
  send({ text, isHeadRequest }: OutgoingHead): void {
    this.parser.expect(this.handler!, isHeadRequest);
    this.socket.write(text, 'latin1');
  }

  /** A request with a body, which follows by `write` and `finish`. The head waits for its first bytes, until `flush`. */
  begin({ text, isHeadRequest }: OutgoingHead, isChunked: boolean): void {
    this.parser.expect(this.handler!, isHeadRequest);
    this.head = text;
    this.isChunked = isChunked;
    this.isSending = true;
  }

  /** The memory of `piece` is its giver's again when the call returns. false: enough is under way, `onDrain` tells when there is room again. */
  write(piece: Buffer): boolean {
    // A chunk of no bytes would be the end of the body.
    if (this.isClosed || piece.length === 0) return true;
    let { head } = this;
    this.head = '';
    if (this.isChunked) head += `${piece.length.toString(16)}\r\n`;
    const tail = this.isChunked ? '\r\n' : '';
    if (piece.length <= ONE_WRITE_MAX_BYTES)
      return this.socket.write(head + piece.toString('latin1', 0, piece.length) + tail, 'latin1');
    this.socket.cork();
    if (head !== '') this.socket.write(head, 'latin1');
    let hasRoom = writeCopy(this.socket, piece);
    if (tail !== '') hasRoom = this.socket.write(tail, 'latin1');
    this.socket.uncork();
    return hasRoom;
  }

  /** The head leaves without a body that is late. */
  flush(): void {
    if (this.head === '' || this.isClosed) return;
    this.socket.write(this.head, 'latin1');
    this.head = '';
  }

  /** The body is whole. */
  finish(): void {
    this.isSending = false;
    if (this.isClosed) return;
    if (this.isChunked) {
      this.socket.write(`${this.head}0\r\n\r\n`, 'latin1');
      this.head = '';
      this.isChunked = false;
    } else this.flush();
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** Nobody waits for the answer: the connection is of no use to others. Its handler hears nothing more. */
  giveUp(): void {
    this.parser.stop();
    this.handler = null;
    this.isClosed = true;
    this.socket.destroy();
  }

  private read(buffer: Buffer, length: number): boolean {
    if (this.isClosed) return true;
    if (this.handler !== null) this.handler.hasAnswer = true;
    try {
      this.parser.feed(buffer.subarray(0, length));
    } catch (error) {
      this.socket.destroy(error as Error);
      this.broke(error as Error);
      return true;
    }
    if (this.handler === null) return true;
    if (this.parser.isIdle) this.settle();
    else this.handler.onPause();
    return true;
  }

  /** The answer is whole. A service that has answered before it had the whole body may not read the rest. */
  private settle(): void {
    this.handler = null;
    if (this.isClosed) return;
    if (this.parser.isReusable && !this.isSending && this.socket.writableLength === 0) {
      // Whoever had it may have paused it with the last bytes of his answer.
      this.socket.resume();
      this.options.onFree(this);
    } else this.giveUp();
  }

  private ended(): void {
    if (this.parser.end()) {
      this.handler = null;
      this.giveUp();
    } else this.broke(new Error('the service closed the connection'));
  }

  private closed(): void {
    this.broke(this.error ?? new Error('the connection was closed'));
    this.options.onClosed(this);
  }

  private broke(error: Error): void {
    this.isClosed = true;
    const { handler } = this;
    this.handler = null;
    this.socket.destroy();
    handler?.onBroken(error);
  }
}
