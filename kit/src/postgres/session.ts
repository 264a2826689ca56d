/** A connection of one's own, for what belongs to a connection: advisory locks, long migrations. */
import pg from 'pg';
import { named } from './connection-errors.ts';
import { inTransaction, send } from './transaction.ts';
import type { Queryable, Transaction } from './transaction.ts';

export interface Session extends Queryable {
  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
  /** Aborted when the connection is lost or closed; with it go its locks and its open transaction. */
  readonly lost: AbortSignal;
  close(): Promise<void>;
}

export interface SessionOptions {
  /** Longest run of one statement; 0 for ever. Default: the database's. */
  readonly statementTimeoutMs?: number;
  /** The server ends the connection when it has heard nothing for so long, in a transaction or outside. Default: never outside, 10 s inside one. */
  readonly idleTimeoutMs?: number;
}

/** @throws DatabaseAway when it cannot be opened; pg's DatabaseError when it is refused (no such database, wrong password) */
export async function openSession(config: pg.ClientConfig, idleTimeoutMs?: number): Promise<Session> {
  const client = new pg.Client(config);
  const lost = new AbortController();
  client.on('error', (error) => lost.abort(named(error)));
  client.on('end', () => lost.abort(new Error('the connection was closed')));
  try {
    await client.connect();
    if (idleTimeoutMs !== undefined)
      await client.query(
        `SELECT set_config('idle_session_timeout', $1, false), set_config('idle_in_transaction_session_timeout', $1, false)`,
        [String(idleTimeoutMs)],
      );
  } catch (error) {
    await client.end().catch(() => {});
    throw named(error);
  }
  return {
    lost: lost.signal,
    query: (statement, values) => send(client, statement, values),
    transaction: (work) => inTransaction(client, work),
    close: () => client.end().catch(() => {}),
  };
}
