/** A PostgreSQL database as the kit's services use it: a bounded pool, transactions that repeat themselves, notifications. */
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import type { Logger } from '../log.ts';
import { columnTypes } from './column-types.ts';
import { isConnectionLost, isContention, isStalePlan, named } from './connection-errors.ts';
import { Notifications } from './notifications.ts';
import type { OnNotify } from './notifications.ts';
import { openSession } from './session.ts';
import type { Session, SessionOptions } from './session.ts';
import { inTransaction, send } from './transaction.ts';
import type { Queryable, Statement, Transaction } from './transaction.ts';

export interface DatabaseOptions {
  /** `postgresql://user:password@host:port/database`. */
  readonly url: string;
  readonly log: Logger;
  /** Connections at most, besides those of listen() and session(). Default 10. */
  readonly poolMax?: number;
  /** Longest run of one statement. Default 5 s. */
  readonly statementTimeoutMs?: number;
  /** Longest wait for a connection. Default 2 s. */
  readonly acquireTimeoutMs?: number;
  /** Shown in pg_stat_activity. */
  readonly applicationName?: string;
}

export interface Database extends Queryable {
  /**
   * READ COMMITTED. Repeats `work` up to 3 times after a serialization failure or deadlock, so it must do nothing but SQL.
   *
   * @throws what `work` throws, after the rollback; DatabaseAway when the database is lost on the way
   */
  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
  /** Calls back with each payload, and with '' whenever some may have been missed. Returns how to stop. */
  listen(channel: string, onNotify: OnNotify): Promise<() => Promise<void>>;
  /** A connection outside the pool. */
  session(options?: SessionOptions): Promise<Session>;
  /** Resolves when the database answers; for readiness. */
  check(): Promise<void>;
  /** Waits for what runs, then closes every connection. */
  close(): Promise<void>;
}

const TRANSACTION_ATTEMPTS = 4;
/** A process that is stopped in the middle of a transaction holds its locks, and back every reader of a log, for so long. */
const TRANSACTION_IDLE_MAX_MS = 10_000;

/** Connects on first use; never throws. */
export function openDatabase(options: DatabaseOptions): Database {
  const { log, statementTimeoutMs = 5_000 } = options;
  const config = (timeoutMs: number): pg.ClientConfig => ({
    connectionString: options.url,
    connectionTimeoutMillis: options.acquireTimeoutMs ?? 2_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    types: columnTypes,
    idle_in_transaction_session_timeout: TRANSACTION_IDLE_MAX_MS,
    ...(options.applicationName === undefined ? {} : { application_name: options.applicationName }),
    // the client gives up a little later than the server, so that a hung server ends the wait too
    ...(timeoutMs === 0 ? {} : { statement_timeout: timeoutMs, query_timeout: timeoutMs + 1_000 }),
  });
  const pool = new pg.Pool({ ...config(statementTimeoutMs), max: options.poolMax ?? 10, idleTimeoutMillis: 30_000 });
  pool.on('error', (error) => log.warn({ err: error }, 'an idle database connection was lost'));
  const notifications = new Notifications(config(statementTimeoutMs), log);

  const query = <R>(statement: string | Statement, values?: readonly unknown[]) =>
    withClient(pool, (client) => send<R>(client, statement, values));
  return {
    query,
    transaction: (work) => withClient(pool, (client) => inTransaction(client, work)),
    listen: (channel, onNotify) => notifications.listen(channel, onNotify),
    session: (session) =>
      openSession(config(session?.statementTimeoutMs ?? statementTimeoutMs), session?.idleTimeoutMs),
    check: async () => void (await query('SELECT 1')),
    close: async () => {
      await notifications.close();
      await pool.end();
    },
  };
}

/** Takes a connection, runs `work` on it, and repeats that after contention or a stale plan; a broken connection is thrown away. */
async function withClient<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const client = await pool.connect().catch((error: unknown) => {
      throw named(error);
    });
    let broken = false;
    const onError = () => {
      broken = true; // the running statement rejects as well; without a listener the process would end
    };
    client.on('error', onError);
    try {
      return await work(client);
    } catch (error) {
      broken ||= isConnectionLost(error) || isStalePlan(error);
      if (attempt >= TRANSACTION_ATTEMPTS || !(isContention(error) || isStalePlan(error))) throw error;
    } finally {
      client.off('error', onError);
      client.release(broken);
    }
    await pause(Math.random() * 10 * 2 ** attempt);
  }
}

export type { Queryable, Statement, Transaction } from './transaction.ts';
export type { Session } from './session.ts';
