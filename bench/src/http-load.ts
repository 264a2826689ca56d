/** Sends HTTP/1.1 requests over kept connections at a fixed rate (open loop) or as fast as answers come (closed loop), at little cost of its own. */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { build } from 'hdr-histogram-js';
import type { Histogram } from 'hdr-histogram-js';

export interface LoadRequest {
  /** A label for the figures. */
  readonly kind: string;
  /** The whole request, head and body. */
  readonly bytes: Buffer;
  /** Called with status and body; returns what is wrong with the answer, or null. */
  readonly check: (status: number, body: Buffer) => string | null;
}

export interface LoadOptions {
  readonly host: string;
  readonly port: number;
  readonly connections: number;
  readonly durationMs: number;
  /** Requests a second on schedule, whatever the answers do; absent: closed loop. */
  readonly ratePerSecond?: number;
  readonly next: () => LoadRequest;
}

export interface LoadResult {
  readonly seconds: number;
  readonly answered: number;
  readonly ratePerSecond: number;
  /** What was wrong, with how often. */
  readonly wrong: ReadonlyMap<string, number>;
  /** Microseconds from the scheduled start to the whole answer, by kind; `all` has every one. */
  readonly latencyUs: ReadonlyMap<string, Histogram>;
}

const newHistogram = (): Histogram =>
  build({ lowestDiscernibleValue: 1, highestTrackableValue: 60_000_000, numberOfSignificantValueDigits: 3 });

/** Runs the load to its end; requests that are waiting then are dropped, those under way are awaited for 5 s. */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const wrong = new Map<string, number>();
  const latencyUs = new Map<string, Histogram>([['all', newHistogram()]]);
  let answered = 0;
  const startedAt = performance.now();
  const endsAt = startedAt + options.durationMs;
  const idle: Connection[] = [];
  const due: number[] = [];
  let running = 0;

  const complain = (fault: string) => wrong.set(fault, (wrong.get(fault) ?? 0) + 1);
  const begin = (connection: Connection, scheduledAt: number) => {
    const request = options.next();
    running += 1;
    connection.send(request.bytes, (status, body, failure) => {
      running -= 1;
      answered += 1;
      const fault = failure ?? request.check(status, body);
      if (fault !== null) complain(`${request.kind}: ${fault}`);
      const tookUs = Math.max(1, Math.round((performance.now() - scheduledAt) * 1000));
      let histogram = latencyUs.get(request.kind);
      if (histogram === undefined) latencyUs.set(request.kind, (histogram = newHistogram()));
      histogram.recordValue(tookUs);
      latencyUs.get('all')!.recordValue(tookUs);
      if (performance.now() >= endsAt) return;
      if (options.ratePerSecond === undefined) begin(connection, performance.now());
      else if (due.length > 0) begin(connection, due.shift()!);
      else idle.push(connection);
    });
  };

  const connections = Array.from({ length: options.connections }, () => new Connection(options.host, options.port));
  await Promise.all(connections.map((connection) => connection.opened));
  await new Promise<void>((resolve) => {
    if (options.ratePerSecond === undefined) {
      for (const connection of connections) begin(connection, performance.now());
    } else {
      idle.push(...connections);
    }
    const intervalMs = options.ratePerSecond === undefined ? 0 : 1000 / options.ratePerSecond;
    let sent = 0;
    const tick = setInterval(() => {
      const now = performance.now();
      if (intervalMs > 0) {
        for (let at = startedAt + sent * intervalMs; at <= now && at < endsAt; at = startedAt + ++sent * intervalMs) {
          const connection = idle.pop();
          if (connection === undefined) due.push(at);
          else begin(connection, at);
        }
      }
      if (now >= endsAt && (running === 0 || now >= endsAt + 5_000)) {
        clearInterval(tick);
        resolve();
      }
    }, 1);
  });
  if (due.length > 0) complain(`${due.length} requests were never sent: the rate is beyond the system`);
  for (const connection of connections) connection.close();
  const seconds = options.durationMs / 1000;
  return { seconds, answered, ratePerSecond: answered / seconds, wrong, latencyUs };
}

type Answered = (status: number, body: Buffer, failure: string | null) => void;

/** One kept connection, one request at a time; reads answers by Content-Length or chunked coding. */
class Connection {
  opened: Promise<void>;
  private socket: Socket;
  private pending: Buffer = Buffer.alloc(0);
  private waiting: Answered | null = null;
  private readonly host: string;
  private readonly port: number;

  constructor(host: string, port: number) {
    this.host = host;
    this.port = port;
    [this.socket, this.opened] = this.dial();
  }

  send(bytes: Buffer, answered: Answered): void {
    this.waiting = answered;
    if (this.socket.destroyed) [this.socket, this.opened] = this.dial();
    this.socket.write(bytes);
  }

  close(): void {
    this.waiting = null;
    this.socket.destroy();
  }

  private dial(): [Socket, Promise<void>] {
    const socket = connect({ host: this.host, port: this.port, noDelay: true });
    this.pending = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => this.take(chunk));
    const lost = (reason: string) => {
      const waiting = this.waiting;
      this.waiting = null;
      waiting?.(0, Buffer.alloc(0), reason);
    };
    socket.on('error', (error: NodeJS.ErrnoException) => lost(`connection ${error.code ?? error.message}`));
    socket.on('close', () => lost('connection closed'));
    return [socket, new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))];
  }

  private take(chunk: Buffer): void {
    this.pending = this.pending.length === 0 ? chunk : Buffer.concat([this.pending, chunk]);
    const headEnd = this.pending.indexOf('\r\n\r\n');
    if (headEnd < 0) return;
    const head = this.pending.toString('latin1', 0, headEnd);
    const bodyStart = headEnd + 4;
    const length = /\r\ncontent-length: *(\d+)/i.exec(head);
    const status = Number(head.slice(9, 12));
    if (length !== null) {
      const end = bodyStart + Number(length[1]);
      if (this.pending.length >= end) this.done(status, this.pending.subarray(bodyStart, end));
    } else if (/\r\ntransfer-encoding: *chunked/i.test(head)) {
      const body = unchunk(this.pending, bodyStart);
      if (body !== null) this.done(status, body);
    } else {
      this.done(status, Buffer.alloc(0));
    }
  }

  private done(status: number, body: Buffer): void {
    const waiting = this.waiting;
    this.pending = Buffer.alloc(0);
    this.waiting = null;
    waiting?.(status, body, null);
  }
}

function unchunk(bytes: Buffer, from: number): Buffer | null {
  const parts: Buffer[] = [];
  for (let at = from; ;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd < 0) return null;
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16);
    if (bytes.length < lineEnd + 4 + size) return null;
    if (size === 0) return Buffer.concat(parts);
    parts.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + 4 + size;
  }
}
