/**
 * Sends requests at a fixed rate, whatever the answers do, and writes how long each took. A process of its own, held to the cores
 * of the load: `node open-loop-main.js '{"port":…}'` writes one line of JSON.
 */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { build } from 'hdr-histogram-js';
import type { OpenLoopFigures, OpenLoopLoad } from './open-loop.ts';

const load = JSON.parse(process.argv[2]!) as OpenLoopLoad;
const bytes = Buffer.from(load.request, 'latin1');
const FINISH_WITHIN_MS = 2_000;
const HEAD_END = Buffer.from('\r\n\r\n');

const latencyMicros = build({
  lowestDiscernibleValue: 1,
  highestTrackableValue: 60_000_000,
  numberOfSignificantValueDigits: 3,
});
let faults = 0;
let answered = 0;
let measuredFromMs = 0;

/** One request at a time; knows an answer's end by its Content-Length, or by the last chunk. */
class Connection {
  startedAtMs = 0;
  readonly socket: Socket;
  private isWaiting = false;
  /** Of the answer under way: bytes seen, bytes in all (-1: not known yet), the bytes of a head that is not whole. */
  private seen = 0;
  private expected = -1;
  private head: Buffer | null = null;
  private isChunked = false;
  private readonly onFree: (connection: Connection) => void;

  constructor(onFree: (connection: Connection) => void) {
    this.onFree = onFree;
    this.socket = connect({ host: '127.0.0.1', port: load.port, noDelay: true });
    this.socket.on('data', (chunk: Buffer) => this.take(chunk));
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      if (this.isWaiting) faults += 1;
    });
  }

  send(startedAtMs: number): void {
    this.startedAtMs = startedAtMs;
    this.isWaiting = true;
    this.socket.write(bytes);
  }

  private take(chunk: Buffer): void {
    if (this.expected < 0) this.readHead(chunk);
    else this.seen += chunk.length;
    if (this.isChunked ? chunk.subarray(-5).equals(LAST_CHUNK) : this.expected >= 0 && this.seen >= this.expected)
      this.finish();
  }

  private readHead(chunk: Buffer): void {
    const all = this.head === null ? chunk : Buffer.concat([this.head, chunk]);
    const end = all.indexOf(HEAD_END);
    if (end < 0) {
      this.head = all;
      return;
    }
    this.head = null;
    const head = all.toString('latin1', 0, end);
    if (head.charCodeAt(9) !== 0x32) faults += 1;
    const length = /\r\ncontent-length: *(\d+)/i.exec(head);
    this.isChunked = length === null;
    this.expected = end + 4 + Number(length?.[1] ?? 0);
    this.seen = all.length;
  }

  private finish(): void {
    this.isWaiting = false;
    this.expected = -1;
    this.isChunked = false;
    const nowMs = performance.now();
    answered += 1;
    if (this.startedAtMs >= measuredFromMs)
      latencyMicros.recordValue(Math.max(1, Math.round((nowMs - this.startedAtMs) * 1_000)));
    this.onFree(this);
  }
}
const LAST_CHUNK = Buffer.from('0\r\n\r\n');

const idle: Connection[] = [];
/** When each request was due that found no connection free. */
const waiting: number[] = [];
const free = (connection: Connection): void => {
  const dueAtMs = waiting.shift();
  if (dueAtMs === undefined) idle.push(connection);
  else connection.send(dueAtMs);
};
const connections = Array.from({ length: load.connections }, () => new Connection(free));
await Promise.all(
  connections.map(
    ({ socket }) => new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject)),
  ),
);
idle.push(...connections);

const startedAtMs = performance.now();
const endsAtMs = startedAtMs + load.seconds * 1_000;
measuredFromMs = startedAtMs;
let sent = 0;
const total = Math.floor(load.ratePerSecond * load.seconds);
const intervalMs = 1_000 / load.ratePerSecond;
await new Promise<void>((resolve) => {
  const turn = (): void => {
    const nowMs = performance.now();
    for (let dueAtMs = startedAtMs + sent * intervalMs; dueAtMs <= nowMs && sent < total; dueAtMs += intervalMs) {
      sent += 1;
      const connection = idle.pop();
      if (connection === undefined) waiting.push(dueAtMs);
      // That this loop comes late is no fault of the proxy's.
      else connection.send(performance.now());
    }
    if (sent === total && (answered === total || nowMs > endsAtMs + FINISH_WITHIN_MS)) resolve();
    // Not setImmediate: a loop that never sleeps takes the core from the upstream, which shows in p99.
    else setTimeout(turn, 1);
  };
  turn();
});
const figures: OpenLoopFigures = {
  requests: answered,
  faults: faults + (total - answered),
  p50Micros: latencyMicros.getValueAtPercentile(50),
  p99Micros: latencyMicros.getValueAtPercentile(99),
};
process.stdout.write(`${JSON.stringify(figures)}\n`, () => process.exit(0));
