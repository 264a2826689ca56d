/** A client whose request node:http reads: everything but the plain requests of the fast lane. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { writeCopy } from '../copied-write.ts';
import type { BodyReader, ClientSide, RequestHead } from './client-side.ts';
import type { ClientConnection } from './client-connection.ts';

/** A piece up to this length leaves as a string: node:http joins that to the head, and needs one write. */
const ONE_WRITE_MAX_BYTES = 16_384;

export class HttpClientSide implements ClientSide {
  readonly connection: ClientConnection;
  readonly head: RequestHead;
  private readonly request: IncomingMessage;
  private readonly response: ServerResponse;
  private reader: BodyReader | null = null;
  private isHeadPending = false;
  private wake: (() => void) | null = null;

  constructor(request: IncomingMessage, response: ServerResponse, connection: ClientConnection) {
    this.request = request;
    this.response = response;
    this.connection = connection;
    this.head = {
      method: request.method ?? '',
      target: request.url ?? '',
      version: request.httpVersion,
      rawHeaders: request.rawHeaders,
    };
  }

  get isWanted(): boolean {
    return !this.response.destroyed && !this.request.socket.destroyed;
  }

  get hasHead(): boolean {
    return this.response.headersSent;
  }

  get isAnswered(): boolean {
    return this.response.writableFinished;
  }

  get hasWholeBody(): boolean {
    return this.request.complete;
  }

  get isItsTurn(): boolean {
    return this.response.socket !== null;
  }

  get waitingBytes(): number {
    return this.response.writableLength;
  }

  sendContinue(): void {
    const { response } = this;
    if (response.socket !== null) return response.writeContinue();
    // Behind another answer, Node.js would put it between this one's head and its body.
    response.once('socket', () => {
      if (!response.headersSent) response.writeContinue();
    });
  }

  readBody(reader: BodyReader): void {
    this.reader = reader;
    this.request.on('data', this.onChunk);
    this.request.on('end', this.onEnd);
    this.request.on('error', this.onBroken);
    this.request.resume();
  }

  pauseBody(): void {
    this.request.pause();
  }

  resumeBody(): void {
    this.request.resume();
  }

  discardBody(): void {
    if (this.reader !== null) {
      this.request.off('data', this.onChunk);
      this.request.off('end', this.onEnd);
      this.reader = null;
    }
    // Errors of an abandoned request are of no interest, but must not end the process.
    this.request.on('error', ignore);
    this.request.resume();
  }

  begin(status: number, reason: string, headers: string[], _bodyLength: number): void {
    if (reason === '') this.response.writeHead(status, headers);
    else this.response.writeHead(status, reason, headers);
    this.isHeadPending = true;
  }

  write(piece: Buffer): boolean {
    this.isHeadPending = false;
    if (piece.length <= ONE_WRITE_MAX_BYTES) return this.response.write(piece.toString('latin1'), 'latin1');
    return writeCopy(this.response, piece);
  }

  onDrain(wake: () => void): void {
    if (this.wake === null) this.response.on('drain', () => this.wake?.());
    this.wake = wake;
  }

  flush(): void {
    if (!this.isHeadPending) return;
    this.isHeadPending = false;
    this.response.flushHeaders();
  }

  end(trailers?: readonly [string, string][]): void {
    if (trailers !== undefined && trailers.length > 0) this.response.addTrailers(trailers);
    this.response.end();
  }

  closeAfter(): void {
    this.response.shouldKeepAlive = false;
    this.connection.closeAfterAnswer();
  }

  cut(): void {
    const { request, response } = this;
    // Without a length and without chunks, only a reset tells the end from a break.
    const isBare = request.httpVersionMinor === 0 && !response.hasHeader('content-length');
    const cut = (socket: Socket): unknown => (isBare ? socket.resetAndDestroy() : socket.destroy());
    // Behind another answer, Node.js would send what it has of this one when its turn comes, and leave the connection open.
    if (response.socket === null) response.once('socket', cut);
    else cut(response.socket);
    response.destroy();
  }

  answerBy(application: (request: IncomingMessage, response: ServerResponse) => void): void {
    application(this.request, this.response);
  }

  private readonly onChunk = (chunk: Buffer): void => this.reader?.bodyData(chunk);
  private readonly onEnd = (): void => this.reader?.bodyEnded();
  private readonly onBroken = (): void => this.reader?.bodyBroken();
}

function ignore(): void {}
