/** A client whose request is a stream of an HTTP/2 connection. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { constants } from 'node:http2';
import type { ServerHttp2Stream } from 'node:http2';
import type { ClientConnection } from '../client-connection.ts';
import type { BodyReader, ClientSide } from '../client-side.ts';
import { answerAsHttp1 } from './answer-as-http1.ts';
import type { StreamHead } from './request-head.ts';

export class StreamClientSide implements ClientSide {
  readonly connection: ClientConnection;
  readonly head: StreamHead;
  private readonly stream: ServerHttp2Stream;
  private readonly takesTrailers: boolean;
  private hasEnded = false;
  private isBodyWhole: boolean;
  private isDiscarding = false;
  private reader: BodyReader | null = null;
  private trailers: readonly [string, string][] = [];
  private wake: (() => void) | null = null;

  /** @param isWhole its head is the whole request */
  constructor(stream: ServerHttp2Stream, head: StreamHead, connection: ClientConnection, isWhole: boolean) {
    this.stream = stream;
    this.head = head;
    this.connection = connection;
    this.isBodyWhole = isWhole;
    this.takesTrailers = head.rawHeaders.includes('te');
    stream.on('close', this.onClose);
    // What is wrong with a stream is told by its close.
    stream.on('error', ignore);
  }

  get isWanted(): boolean {
    return !this.stream.closed && !this.stream.destroyed;
  }

  get hasHead(): boolean {
    return this.stream.headersSent;
  }

  get isAnswered(): boolean {
    // A stream may close before it says that it has finished; then the code tells.
    const { stream } = this;
    return (
      this.hasEnded && (stream.writableFinished || (stream.closed && stream.rstCode === constants.NGHTTP2_NO_ERROR))
    );
  }

  get hasWholeBody(): boolean {
    return this.isBodyWhole;
  }

  get isItsTurn(): boolean {
    return true;
  }

  get waitingBytes(): number {
    return this.stream.writableLength;
  }

  sendContinue(): void {
    if (this.isWanted) this.stream.additionalHeaders({ ':status': 100 });
  }

  readBody(reader: BodyReader): void {
    const isFirst = this.reader === null;
    this.reader = reader;
    if (!isFirst) return;
    this.stream.on('data', this.onChunk);
    this.stream.on('end', this.onEnd);
    this.stream.resume();
  }

  /** Its window is not opened again until somebody reads: the client waits. */
  pauseBody(): void {
    this.stream.pause();
  }

  resumeBody(): void {
    this.stream.resume();
  }

  discardBody(): void {
    this.isDiscarding = true;
    if (this.reader !== null) this.stream.off('data', this.onChunk);
    this.reader = null;
    this.stream.resume();
  }

  begin(status: number, _reason: string, headers: string[], bodyLength: number): void {
    if (!this.isWanted) return;
    const waitForTrailers = this.takesTrailers && bodyLength === -1;
    try {
      this.stream.respond([':status', String(status), ...headers], { endStream: bodyLength === 0, waitForTrailers });
    } catch {
      // A field that HTTP/2 has no form for: nothing was sent, and nothing would be understood.
      return this.cut();
    }
    if (waitForTrailers) this.stream.on('wantTrailers', this.onTrailersWanted);
  }

  /** What was given leaves by itself when this turn of the event loop ends. */
  flush(): void {}

  write(piece: Buffer): boolean {
    if (!this.isWanted || this.stream.writableEnded) return true;
    return this.stream.write(Buffer.from(piece));
  }

  onDrain(wake: () => void): void {
    if (this.wake === null) this.stream.on('drain', () => this.wake?.());
    this.wake = wake;
  }

  end(trailers: readonly [string, string][] = []): void {
    this.hasEnded = true;
    this.trailers = trailers;
    if (!this.stream.writableEnded) this.stream.end();
    // What of the request is still to come is not wanted (RFC 9113 section 8.1).
    if (!this.isBodyWhole) this.stream.close(constants.NGHTTP2_NO_ERROR);
  }

  /** Where a request ends is known whatever is in it: other requests of the connection need not suffer. */
  closeAfter(): void {}

  /** Node.js ends a stream before it resets it, and lets the end go first: what was sent would look whole. */
  cut(): void {
    const { stream } = this;
    if (stream.closed || stream.destroyed) return;
    stream.end = () => stream;
    stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  }

  answerBy(application: (request: IncomingMessage, response: ServerResponse) => void): void {
    answerAsHttp1(this, this.stream, application);
  }

  private readonly onChunk = (chunk: Buffer): void => this.reader?.bodyData(chunk);

  private readonly onEnd = (): void => {
    // A reset ends what is read as well, and before it is told of.
    if (this.stream.closed) return;
    this.isBodyWhole = true;
    this.reader?.bodyEnded();
  };

  private readonly onClose = (): void => {
    if (!this.isBodyWhole && !this.isDiscarding) this.reader?.bodyBroken();
  };

  private readonly onTrailersWanted = (): void => {
    const fields: Record<string, string[]> = {};
    for (const [name, value] of this.trailers) (fields[name.toLowerCase()] ??= []).push(value);
    this.stream.sendTrailers(fields);
  };
}

function ignore(): void {}
