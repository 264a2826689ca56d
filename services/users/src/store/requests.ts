/** Friend requests while they are open. */
import type { Queryable, Transaction } from '@switchyard/kit/postgres/transaction';
import type { Pair } from '../domain/pair.ts';
import type { Person } from './people.ts';

export interface OpenRequest {
  readonly id: string;
  readonly fromId: string;
  readonly toId: string;
  readonly createdAt: Date;
}

const OPEN = 'id, from_id AS "fromId", to_id AS "toId", created_at AS "createdAt"';
const OF_PAIR = 'LEAST(from_id, to_id) = $1 AND GREATEST(from_id, to_id) = $2';

export async function insertRequest(tx: Transaction, request: OpenRequest): Promise<void> {
  await tx.query({
    name: 'insert-request',
    text: 'INSERT INTO friend_request (id, from_id, to_id, created_at) VALUES ($1, $2, $3, $4)',
    values: [request.id, request.fromId, request.toId, request.createdAt],
  });
}

export async function findRequest(db: Queryable, requestId: string): Promise<OpenRequest | null> {
  const [request] = await db.query<OpenRequest>({
    name: 'find-request',
    text: `SELECT ${OPEN} FROM friend_request WHERE id = $1`,
    values: [requestId],
  });
  return request ?? null;
}

/** Removes the open request between two people, whoever asked, and returns it. */
export async function takeRequestOf(tx: Transaction, pair: Pair): Promise<OpenRequest | null> {
  const [request] = await tx.query<OpenRequest>({
    name: 'take-request-of',
    text: `DELETE FROM friend_request WHERE ${OF_PAIR} RETURNING ${OPEN}`,
    values: [pair.a, pair.b],
  });
  return request ?? null;
}

/** The same by its id. */
export async function takeRequest(tx: Transaction, requestId: string): Promise<OpenRequest | null> {
  const [request] = await tx.query<OpenRequest>({
    name: 'take-request',
    text: `DELETE FROM friend_request WHERE id = $1 RETURNING ${OPEN}`,
    values: [requestId],
  });
  return request ?? null;
}

export async function countOpenFrom(db: Queryable, userId: string): Promise<number> {
  const [row] = await db.query<{ open: number }>({
    name: 'count-open-from',
    text: 'SELECT count(*)::int AS open FROM friend_request WHERE from_id = $1',
    values: [userId],
  });
  return row!.open;
}

export interface ListedRequest {
  readonly id: string;
  readonly from: Person;
  readonly to: Person;
  readonly createdAt: Date;
}

/** Newest first, before `before` (excluded; null: from the newest). A block removes requests, so all people on it are seen. */
export async function listOpen(
  db: Queryable,
  userId: string,
  page: { direction: 'incoming' | 'outgoing'; before: string | null; limit: number },
): Promise<ListedRequest[]> {
  const side = page.direction === 'incoming' ? 'to_id' : 'from_id';
  return db.query<ListedRequest>({
    name: `list-open-${page.direction}`,
    text: `SELECT request.id, request.created_at AS "createdAt",
                  jsonb_build_object('id', asker.id, 'handle', asker.handle, 'name', asker.name) AS "from",
                  jsonb_build_object('id', asked.id, 'handle', asked.handle, 'name', asked.name) AS "to"
             FROM friend_request request
             JOIN account asker ON asker.id = request.from_id
             JOIN account asked ON asked.id = request.to_id
            WHERE request.${side} = $1 AND request.id < COALESCE($2, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
            ORDER BY request.id DESC LIMIT $3`,
    values: [userId, page.before, page.limit],
  });
}
