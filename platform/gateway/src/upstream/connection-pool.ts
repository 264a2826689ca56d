/** The connections to one instance: those that are idle are used again, the one that was used last first. */
import type { LookupFunction } from 'node:net';
import { UpstreamConnection } from './connection.ts';
import type { AnswerHandler, ConnectionOptions } from './connection.ts';

const CONNECT_TIMEOUT_MS = 3_000;
/** Below the 75 s after which services made with the kit close an idle connection, so that it is never they who close first. */
const KEEP_ALIVE_MS = 60_000;
/** A service that says how long it keeps a connection is believed, less this. */
const KEEP_ALIVE_MARGIN_MS = 1_000;
/**
 * What must not be sent twice goes out on a connection that was idle no longer than this, else on a new one: a service that says
 * nothing of how long it keeps connections may be closing it at this moment, and nobody could tell whether the request was done.
 */
const UNREPEATABLE_IDLE_MAX_MS = 1_000;
const SWEEP_EVERY_MS = 5_000;

export interface PoolOptions {
  readonly host: string;
  readonly port: number;
  /** Resolves names, and leaves out addresses that must not be connected to. */
  readonly lookup: LookupFunction;
}

export class ConnectionPool {
  private readonly connectionOptions: ConnectionOptions;
  private readonly all = new Set<UpstreamConnection>();
  private readonly idle: UpstreamConnection[] = [];
  private sweeper: NodeJS.Timeout | null = null;
  private isClosed = false;

  constructor(options: PoolOptions) {
    this.connectionOptions = {
      host: options.host,
      port: options.port,
      lookup: options.lookup,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      onFree: (connection) => this.free(connection),
      onClosed: (connection) => this.forget(connection),
    };
  }

  get size(): number {
    return this.all.size;
  }

  /** A connection for one request. How many there are is bounded by who claims instances. */
  take(handler: AnswerHandler, isRepeatable: boolean): void {
    (this.fresh(isRepeatable) ?? this.opened()).take(handler);
  }

  /** Idle connections close now, the others with the end of their answers. */
  close(): void {
    this.isClosed = true;
    while (this.idle.length > 0) this.idle.pop()!.giveUp();
    this.stopSweeping();
  }

  /** At once; nobody hears what becomes of what runs. */
  destroy(): void {
    this.close();
    for (const connection of this.all) connection.giveUp();
  }

  private fresh(isRepeatable: boolean): UpstreamConnection | null {
    if (this.idle.length === 0) return null;
    const nowMs = performance.now();
    for (let connection = this.idle.pop(); connection !== undefined; connection = this.idle.pop()) {
      if (!connection.isOpen) continue;
      if (nowMs < connection.idleUntilMs) {
        if (isRepeatable || nowMs - connection.idleSinceMs <= UNREPEATABLE_IDLE_MAX_MS) return connection;
        // Those below it have been idle for longer still; it goes on to serve what may be repeated.
        this.idle.push(connection);
        return null;
      }
      connection.giveUp();
    }
    return null;
  }

  private opened(): UpstreamConnection {
    const connection = new UpstreamConnection(this.connectionOptions);
    this.all.add(connection);
    return connection;
  }

  private free(connection: UpstreamConnection): void {
    if (this.isClosed) return connection.giveUp();
    const nowMs = performance.now();
    connection.idleSinceMs = nowMs;
    connection.idleUntilMs =
      nowMs + Math.min(KEEP_ALIVE_MS, connection.keepAliveSeconds * 1_000 - KEEP_ALIVE_MARGIN_MS);
    this.idle.push(connection);
    this.sweeper ??= setInterval(() => this.sweep(), SWEEP_EVERY_MS).unref();
  }

  private forget(connection: UpstreamConnection): void {
    this.all.delete(connection);
    const index = this.idle.indexOf(connection);
    if (index !== -1) this.idle.splice(index, 1);
  }

  /** Closes what was idle for too long, the oldest first. */
  private sweep(): void {
    const nowMs = performance.now();
    while (this.idle.length > 0 && this.idle[0]!.idleUntilMs <= nowMs) this.idle.shift()!.giveUp();
    if (this.idle.length === 0) this.stopSweeping();
  }

  private stopSweeping(): void {
    if (this.sweeper !== null) clearInterval(this.sweeper);
    this.sweeper = null;
  }
}
