/** Single statements of many requests, sent down few shared connections without waiting for each other's answers. */
import type { Duplex } from 'node:stream';
import pg from 'pg';
import { columnTypes } from './column-types.ts';
import { DatabaseAway, isConnectionLost, isContention, isStalePlan, named } from './connection-errors.ts';
import type { DatabaseOptions } from './database.ts';
import { send } from './transaction.ts';
import type { Queryable, Statement } from './transaction.ts';

export interface PipelinedOptions extends Pick<
  DatabaseOptions,
  'url' | 'log' | 'statementTimeoutMs' | 'acquireTimeoutMs' | 'applicationName'
> {
  /** Shared connections. Default 2. */
  readonly connections?: number;
  /** Statements that wait for their answers on one connection, at most; more are refused as DatabaseAway. Default 1000. */
  readonly pendingMax?: number;
}

export interface PipelinedDatabase extends Queryable {
  /** Waits for what runs, then closes every connection. */
  close(): Promise<void>;
}

const ATTEMPTS = 3;

/**
 * Connects on first use; never throws. Each statement is a transaction of its own, and repeated after contention or a stale plan.
 *
 * Against a pool, this saves a system call and a context switch or two a statement, on both sides: statements of one turn of the
 * event loop go out as one write, and a busy server finds the next statement without having slept. The price: a statement waits
 * for those before it on its connection, so only what is quick belongs here.
 */
export function openPipelines(options: PipelinedOptions): PipelinedDatabase {
  const pipelines = Array.from({ length: options.connections ?? 2 }, () => new Pipeline(options));
  return {
    query: async <R>(statement: string | Statement, values?: readonly unknown[]): Promise<R[]> => {
      for (let attempt = 1; ; attempt++) {
        const least = pipelines.reduce((a, b) => (b.pending < a.pending ? b : a));
        try {
          return await least.query<R>(statement, values);
        } catch (error) {
          if (attempt >= ATTEMPTS || !(isContention(error) || isStalePlan(error))) throw error;
        }
      }
    },
    close: () => Promise.all(pipelines.map((pipeline) => pipeline.close())).then(() => {}),
  };
}

class Pipeline {
  pending = 0;
  private connecting: Promise<pg.Client> | null = null;
  private newest: pg.Client | null = null;
  private corked: Duplex | null = null;
  private readonly options: PipelinedOptions;
  constructor(options: PipelinedOptions) {
    this.options = options;
  }

  async query<R>(statement: string | Statement, values: readonly unknown[] | undefined): Promise<R[]> {
    if (this.pending >= (this.options.pendingMax ?? 1_000))
      throw new DatabaseAway(new Error('too many statements wait'));
    this.pending += 1;
    const mine = (this.connecting ??= this.connect());
    try {
      const client = await mine;
      this.gather(client);
      return await send<R>(client, statement, values);
    } catch (error) {
      if (this.connecting === mine && (isConnectionLost(error) || isStalePlan(error))) this.drop(mine);
      throw error;
    } finally {
      this.pending -= 1;
    }
  }

  async close(): Promise<void> {
    const client = await this.connecting?.catch(() => null);
    await client?.end().catch(() => {});
  }

  private async connect(): Promise<pg.Client> {
    const { statementTimeoutMs = 5_000, log } = this.options;
    const client = new pg.Client({
      connectionString: this.options.url,
      connectionTimeoutMillis: this.options.acquireTimeoutMs ?? 2_000,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      types: columnTypes,
      pipeline: true,
      statement_timeout: statementTimeoutMs,
      query_timeout: statementTimeoutMs + 1_000,
      ...(this.options.applicationName === undefined ? {} : { application_name: this.options.applicationName }),
    });
    this.newest = client;
    client.on('error', (error) => {
      log.warn({ err: error }, 'a shared database connection was lost');
      if (this.newest === client) this.connecting = null;
    });
    try {
      await client.connect();
      return client;
    } catch (error) {
      if (this.newest === client) this.connecting = null;
      await client.end().catch(() => {});
      throw named(error);
    }
  }

  /** The next statement gets a new connection; this one ends when those that still run on it have their answers. */
  private drop(connecting: Promise<pg.Client>): void {
    this.connecting = null;
    void connecting.then((client) => client.end()).catch(() => {});
  }

  /** Holds writes back until the event loop has gone through what it woke up for. */
  private gather(client: pg.Client): void {
    const { stream } = (client as unknown as { connection: { stream: Duplex } }).connection;
    if (this.corked === stream) return;
    this.corked = stream;
    stream.cork();
    setImmediate(() => {
      if (this.corked === stream) this.corked = null;
      stream.uncork();
    });
  }
}
