/** A request of the gateway's own to an instance, over the connections that clients' requests use too. */
import type { Instance } from '../routing/instance.ts';
import type { AnswerHandler, UpstreamConnection } from './connection.ts';

export interface OwnRequest {
  readonly method: 'GET' | 'POST';
  /** With its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON; null: none. */
  readonly body: string | null;
}

export interface OwnAnswer {
  readonly status: number;
  readonly text: string;
}

const ANSWER_MAX_BYTES = 1_048_576;

/** Rejects when there is no whole answer, or `signal` says that it is late. An error with the code ECONNREFUSED was not sent. */
export function askInstance(instance: Instance, request: OwnRequest, signal: AbortSignal): Promise<OwnAnswer> {
  return new Promise((resolve, reject) => {
    const asking = new Asking(request, resolve, reject);
    const abort = (): void => asking.abort(signal.reason as Error);
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    asking.whenDone = () => signal.removeEventListener('abort', abort);
    instance.pool.take(asking, request.method === 'GET');
  });
}

class Asking implements AnswerHandler {
  hasAnswer = false;
  whenDone = (): void => {};
  private readonly request: OwnRequest;
  private readonly resolve: (answer: OwnAnswer) => void;
  private readonly reject: (error: Error) => void;
  private connection: UpstreamConnection | null = null;
  private status = 0;
  private readonly pieces: Buffer[] = [];
  private length = 0;

  constructor(request: OwnRequest, resolve: (answer: OwnAnswer) => void, reject: (error: Error) => void) {
    this.request = request;
    this.resolve = resolve;
    this.reject = reject;
  }

  onTaken(connection: UpstreamConnection): void {
    this.connection = connection;
  }

  onReady(): void {
    const { method, path, headers, body } = this.request;
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const bytes = body === null ? null : Buffer.from(body);
    if (bytes !== null) lines.push('content-type: application/json\r\n', `content-length: ${bytes.length}\r\n`);
    const head = { text: `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`, isHeadRequest: false };
    if (bytes === null) return this.connection!.send(head);
    this.connection!.begin(head, false);
    this.connection!.write(bytes);
    this.connection!.finish();
  }

  onHead(status: number): void {
    this.status = status;
  }

  onData(piece: Buffer): void {
    this.length += piece.length;
    if (this.length > ANSWER_MAX_BYTES) this.abort(new Error('the answer is too long'));
    else this.pieces.push(Buffer.from(piece));
  }

  onPause(): void {}

  onDrain(): void {}

  onEnd(): void {
    this.whenDone();
    this.resolve({ status: this.status, text: Buffer.concat(this.pieces).toString('utf8') });
  }

  onBroken(error: Error): void {
    this.whenDone();
    this.reject(error);
  }

  abort(error: Error): void {
    this.connection?.giveUp();
    this.onBroken(error);
  }
}
