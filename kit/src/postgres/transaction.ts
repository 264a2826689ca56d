/** Runs work between BEGIN and COMMIT on one connection. */
import type { ClientBase } from 'pg';
import { isConnectionLost, named } from './connection-errors.ts';

export interface Statement {
  /** Prepared once a connection under this name, which must stand for this text alone. */
  readonly name?: string;
  readonly text: string;
  readonly values?: readonly unknown[];
}

export interface Queryable {
  /**
   * Rows of one statement. Values of `$1`, `$2`, … by position.
   *
   * @throws DatabaseAway when the database cannot be had or took too long; pg's DatabaseError (`code`, `constraint`) when it refused the statement
   */
  query<R = Record<string, unknown>>(statement: string | Statement, values?: readonly unknown[]): Promise<R[]>;
}

/** A transaction that is open. One statement at a time; nothing may be kept of it after the work has ended. */
export interface Transaction extends Queryable {
  /** Runs `work` so that its failure undoes what it did and nothing else, and is thrown on. */
  savepoint<T>(work: () => Promise<T>): Promise<T>;
}

/** Sends one statement. */
export async function send<R>(
  client: ClientBase,
  statement: string | Statement,
  values: readonly unknown[] | undefined,
): Promise<R[]> {
  try {
    const query =
      typeof statement === 'string'
        ? { text: statement, values: values === undefined ? [] : [...values] }
        : { ...statement, values: statement.values === undefined ? [] : [...statement.values] };
    const result = await client.query(query as { text: string });
    return result.rows as R[];
  } catch (error) {
    throw named(error);
  }
}

/** READ COMMITTED. Commits when `work` resolves; rolls back and throws on when it rejects. */
export async function inTransaction<T>(client: ClientBase, work: (tx: Transaction) => Promise<T>): Promise<T> {
  let open = true;
  const tx: Transaction = {
    query: <R>(statement: string | Statement, values?: readonly unknown[]) =>
      open
        ? send<R>(client, statement, values)
        : Promise.reject(new Error('this transaction has ended; await every statement inside it')),
    savepoint: (inner) => inSavepoint(client, inner),
  };
  await send(client, 'BEGIN', undefined);
  try {
    const result = await work(tx);
    open = false;
    await commit(client);
    return result;
  } catch (error) {
    open = false;
    if (!isConnectionLost(error)) await client.query('ROLLBACK').catch(() => {}); // whoever releases the client finds it broken
    throw error;
  }
}

/** PostgreSQL answers COMMIT by rolling back, without an error, when a statement had failed and somebody caught it. */
async function commit(client: ClientBase): Promise<void> {
  let command: string;
  try {
    ({ command } = await client.query('COMMIT'));
  } catch (error) {
    throw named(error);
  }
  if (command !== 'COMMIT')
    throw new Error(
      'the transaction was rolled back: a statement in it had failed; use savepoint() to go on after one',
    );
}

async function inSavepoint<T>(client: ClientBase, work: () => Promise<T>): Promise<T> {
  await send(client, 'SAVEPOINT step', undefined);
  try {
    const result = await work();
    await send(client, 'RELEASE SAVEPOINT step', undefined);
    return result;
  } catch (error) {
    if (!isConnectionLost(error)) await send(client, 'ROLLBACK TO SAVEPOINT step; RELEASE SAVEPOINT step', undefined);
    throw error;
  }
}
