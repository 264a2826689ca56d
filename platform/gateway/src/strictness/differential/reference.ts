/** What llhttp makes of the bytes of a connection, by Node's HTTP server itself, with the settings of the gateway's. */
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Duplex } from 'node:stream';
import { turns } from '../arrival.ts';

export interface ReadRequest {
  readonly method: string;
  readonly target: string;
  readonly version: string;
  /** Names and values in turn. */
  readonly rawHeaders: readonly string[];
  /** A character a byte. */
  body: string;
  /** Whether its body ended. */
  isWhole: boolean;
}

export interface Reading {
  readonly requests: ReadRequest[];
  /** Code of the error that ended it; null: it waits for more, or ended in peace. */
  error: string | null;
  /** Nothing more is read of the connection: it was to be closed, or became something else. */
  isOver: boolean;
}

export class Reference {
  private readonly server = createServer({
    insecureHTTPParser: false,
    maxHeaderSize: 16_384,
    requireHostHeader: false,
    shouldUpgradeCallback: () => false,
  });

  constructor() {
    this.server.maxHeadersCount = 0;
    const take = (request: IncomingMessage, response: ServerResponse): void => {
      const { reading } = request.socket as unknown as Wire;
      const read = readRequest(request);
      reading.requests.push(read);
      request.setEncoding('latin1');
      request.on('data', (chunk: string) => (read.body += chunk));
      request.on('end', () => {
        read.isWhole = true;
        if (!response.shouldKeepAlive) reading.isOver = true;
        response.end();
      });
      request.on('error', () => {});
    };
    for (const event of ['request', 'checkContinue', 'checkExpectation']) this.server.on(event, take);
    this.server.on('connect', (request: IncomingMessage, wire: Duplex) => {
      const { reading } = wire as Wire;
      reading.isOver = true;
      reading.requests.push({ ...readRequest(request), isWhole: true });
    });
    // Not destroyed at once: requests before the fault were read, and end.
    this.server.on('clientError', (error: NodeJS.ErrnoException, wire: Duplex) => {
      (wire as Wire).reading.error ??= error.code ?? error.message;
    });
  }

  async read(bytes: string): Promise<Reading> {
    const wire = new Wire();
    this.server.emit('connection', wire);
    wire.push(Buffer.from(bytes, 'latin1'));
    await turns();
    wire.destroy();
    return wire.reading;
  }
}

/** A connection that nothing carries. */
class Wire extends Duplex {
  readonly reading: Reading = { requests: [], error: null, isOver: false };
  override _read(): void {}
  override _write(_chunk: unknown, _encoding: string, done: () => void): void {
    done();
  }
}

function readRequest(request: IncomingMessage): ReadRequest {
  return {
    method: request.method ?? '',
    target: request.url ?? '',
    version: request.httpVersion,
    rawHeaders: request.rawHeaders,
    body: '',
    isWhole: false,
  };
}

/** Values of a header by its name in lower case. */
export const headersOf = ({ rawHeaders }: ReadRequest, name: string): string[] =>
  rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]!.toLowerCase() === name);
