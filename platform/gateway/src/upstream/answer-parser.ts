/** Reads the answers of a service, one after the other, from the bytes of its connection (RFC 9112), strictly. */
import { fieldsOf } from '../message/fields.ts';

export interface AnswerSink {
  /**
   * The head of an answer; interim ones (1xx) are left out.
   *
   * @param rawHeaders names and values in turn, as they came
   * @param contentLength bytes of the body; 0 when there is none, -1 when only its end tells
   */
  onHead(status: number, reason: string, rawHeaders: string[], contentLength: number): void;
  /** A piece of the body; its memory is used again when the call returns. */
  onData(piece: Buffer): void;
  /** The answer is whole. `trailers`: names and values in turn. */
  onEnd(trailers: readonly string[]): void;
}

/** What the bytes of a service are that no answer can be read from; nothing more is read from its connection. */
export class NotAnAnswer extends Error {}

export const HEAD_MAX_BYTES = 65_536;
/** Of the line that says how long a chunk is. */
const CHUNK_LINE_MAX = 1_024;
/** Extensions are for this hop, and nobody's business (RFC 9112 section 7.1.1). */
const CHUNK_LINE = /^([0-9A-Fa-f]{1,12})[\t ]*(?:;[\t\x20-\x7e\x80-\xff]*)?$/;
const TRAILERS_MAX_BYTES = 16_384;
const INTERIM_MAX = 16;

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*))?\r\n/;
/** `idle`: no answer is waited for. `head`, then a body by its length, to its end, or in chunks. `stopped`: nothing is read any more. */
type State = 'idle' | 'head' | 'length' | 'to-end' | 'chunk-line' | 'chunk' | 'chunk-border' | 'trailers' | 'stopped';

const NONE: readonly string[] = [];
const NOTHING = Buffer.alloc(0);

export class AnswerParser {
  private state: State = 'idle';
  private sink: AnswerSink | null = null;
  private isHeadRequest = false;
  /** Bytes that wait for what completes them: of a head, a chunk's line or trailers. */
  private waiting: Buffer = NOTHING;
  /** Bytes of the body, or of the chunk, that are still to come. */
  private bytesLeft = 0;
  private interims = 0;
  /** Whether the service lets its connection be used again after this answer. */
  private staysOpen = true;
  /** Seconds that the service says it keeps an idle connection (`Keep-Alive: timeout=5`); Infinity when it says nothing. */
  keepAliveSeconds = Infinity;

  /** Whether the connection may be used again: the answer is whole, and the service said that it stays open. */
  get isReusable(): boolean {
    return this.state === 'idle' && this.staysOpen;
  }

  get isIdle(): boolean {
    return this.state === 'idle';
  }

  /** From now on, the answer to a request is waited for. */
  expect(sink: AnswerSink, isHeadRequest: boolean): void {
    this.sink = sink;
    this.isHeadRequest = isHeadRequest;
    this.state = 'head';
    this.interims = 0;
  }

  /** @throws NotAnAnswer */
  feed(bytes: Buffer): void {
    let chunk = bytes;
    if (this.waiting.length > 0) {
      chunk = Buffer.concat([this.waiting, bytes]);
      this.waiting = NOTHING;
    }
    let at = 0;
    while (at < chunk.length && this.state !== 'stopped') {
      const next = this.step(chunk, at);
      if (next === -1) {
        // What came in the socket's own memory must be kept elsewhere.
        this.waiting = Buffer.from(chunk.subarray(at));
        return;
      }
      at = next;
    }
  }

  /** Nothing more is told: nobody waits for the answer. */
  stop(): void {
    this.state = 'stopped';
    this.sink = null;
  }

  /** The service has closed its side. @returns whether that completed an answer */
  end(): boolean {
    if (this.state !== 'to-end') return false;
    this.staysOpen = false;
    this.complete(NONE);
    return true;
  }

  /** Reads what stands at `at`; answers where it ended, -1 when the rest of it has not come yet. */
  private step(chunk: Buffer, at: number): number {
    switch (this.state) {
      case 'head':
        return this.readHead(chunk, at);
      case 'length':
        return this.readBody(chunk, at, 'done');
      case 'to-end':
        this.sink!.onData(at === 0 ? chunk : chunk.subarray(at));
        return chunk.length;
      case 'chunk-line':
        return this.readChunkLine(chunk, at);
      case 'chunk':
        return this.readBody(chunk, at, 'chunk-border');
      case 'chunk-border':
        return this.readChunkBorder(chunk, at);
      case 'trailers':
        return this.readTrailers(chunk, at);
      default:
        // Bytes after the end of an answer would become the answer to somebody else's request.
        throw this.broken('bytes that no answer was waited for');
    }
  }

  private readHead(chunk: Buffer, at: number): number {
    const end = chunk.indexOf('\r\n\r\n', at, 'latin1');
    if (end === -1 ? chunk.length - at > HEAD_MAX_BYTES : end - at > HEAD_MAX_BYTES)
      throw this.broken('a head that is too long');
    if (end === -1) return -1;
    const text = chunk.toString('latin1', at, end + 2);
    const line = STATUS_LINE.exec(text);
    if (line === null) throw this.broken('no status line');
    const status = Number(line[2]);
    if (status < 200) {
      this.interims += 1;
      if (status === 101 || this.interims > INTERIM_MAX) throw this.broken('interim answers that nobody asked for');
      return end + 4;
    }
    const rawHeaders = fieldsOf(text, line[0].length);
    if (rawHeaders === null) throw this.broken('a malformed header');
    const contentLength = this.frame(status, line[1] === '0', rawHeaders);
    const { sink } = this;
    sink!.onHead(status, line[3] ?? '', rawHeaders, contentLength);
    // Whoever was told may have given up on the connection.
    if (this.sink === sink && contentLength === 0) this.complete(NONE);
    return end + 4;
  }

  /** RFC 9112 section 6.3: how the end of the body is found; what could be found in two ways is refused. */
  private frame(status: number, isOld: boolean, rawHeaders: readonly string[]): number {
    let contentLength = -1;
    let isChunked = false;
    this.staysOpen = !isOld;
    for (let index = 0; index < rawHeaders.length; index += 2) {
      const name = rawHeaders[index]!;
      // Only three lengths of names matter here, and most names have none of them.
      if (name.length === 14 && name.toLowerCase() === 'content-length') {
        if (contentLength !== -1 || !/^(?:0|[1-9][0-9]{0,14})$/.test(rawHeaders[index + 1]!))
          throw this.broken('a Content-Length that is not one plain number');
        contentLength = Number(rawHeaders[index + 1]);
      } else if (name.length === 17 && name.toLowerCase() === 'transfer-encoding') {
        if (isChunked || isOld || rawHeaders[index + 1]!.toLowerCase() !== 'chunked')
          throw this.broken('a Transfer-Encoding other than chunked');
        isChunked = true;
      } else if (name.length === 10) this.readConnection(name.toLowerCase(), rawHeaders[index + 1]!, isOld);
    }
    if (isChunked && contentLength !== -1) throw this.broken('Transfer-Encoding and Content-Length together');
    if (this.isHeadRequest || status === 204 || status === 304) return 0;
    if (isChunked) {
      this.state = 'chunk-line';
      return -1;
    }
    if (contentLength === -1) {
      this.state = 'to-end';
      return -1;
    }
    this.state = 'length';
    this.bytesLeft = contentLength;
    return contentLength;
  }

  private readConnection(name: string, value: string, isOld: boolean): void {
    if (name === 'connection') {
      if (/(?:^|,)[ \t]*close[ \t]*(?:,|$)/i.test(value)) this.staysOpen = false;
      else if (isOld && /(?:^|,)[ \t]*keep-alive[ \t]*(?:,|$)/i.test(value)) this.staysOpen = true;
    } else if (name === 'keep-alive') {
      const seconds = /(?:^|[,;\s])timeout=([0-9]{1,6})/i.exec(value)?.[1];
      this.keepAliveSeconds = seconds === undefined ? Infinity : Number(seconds);
    }
  }

  private readBody(chunk: Buffer, at: number, next: 'done' | 'chunk-border'): number {
    const end = Math.min(chunk.length, at + this.bytesLeft);
    this.bytesLeft -= end - at;
    const { sink } = this;
    if (this.bytesLeft === 0 && next === 'chunk-border') this.state = 'chunk-border';
    sink!.onData(at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end));
    if (this.bytesLeft === 0 && next === 'done' && this.sink === sink) this.complete(NONE);
    return end;
  }

  private readChunkLine(chunk: Buffer, at: number): number {
    const end = chunk.indexOf('\r\n', at, 'latin1');
    if (end === -1 ? chunk.length - at > CHUNK_LINE_MAX : end - at > CHUNK_LINE_MAX)
      throw this.broken('a chunk without a plain size');
    if (end === -1) return -1;
    const size = CHUNK_LINE.exec(chunk.toString('latin1', at, end))?.[1];
    if (size === undefined) throw this.broken('a chunk without a plain size');
    this.bytesLeft = Number.parseInt(size, 16);
    this.state = this.bytesLeft === 0 ? 'trailers' : 'chunk';
    return end + 2;
  }

  private readChunkBorder(chunk: Buffer, at: number): number {
    if (chunk.length - at < 2) return -1;
    if (chunk[at] !== 0x0d || chunk[at + 1] !== 0x0a) throw this.broken('a chunk longer than its size');
    this.state = 'chunk-line';
    return at + 2;
  }

  private readTrailers(chunk: Buffer, at: number): number {
    if (chunk.length - at < 2) return -1;
    if (chunk[at] === 0x0d && chunk[at + 1] === 0x0a) {
      this.complete(NONE);
      return at + 2;
    }
    const end = chunk.indexOf('\r\n\r\n', at, 'latin1');
    if (end === -1 ? chunk.length - at > TRAILERS_MAX_BYTES : end - at > TRAILERS_MAX_BYTES)
      throw this.broken('trailers that are too long');
    if (end === -1) return -1;
    const trailers = fieldsOf(chunk.toString('latin1', at, end + 2), 0);
    if (trailers === null) throw this.broken('a malformed trailer');
    this.complete(trailers);
    return end + 4;
  }

  private complete(trailers: readonly string[]): void {
    const { sink } = this;
    this.sink = null;
    this.state = 'idle';
    sink!.onEnd(trailers);
  }

  private broken(why: string): NotAnAnswer {
    this.stop();
    return new NotAnAnswer(`the service sent ${why}`);
  }
}
