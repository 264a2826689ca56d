/** Sessions that ended lately, for gateways to refuse their access tokens before they lapse. */
import type { endedSessions } from '@switchyard/contracts/session';
import { decodeCursor, encodeCursor } from '@switchyard/kit/cursor';
import { isRefusal } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import { z } from 'zod';
import { ENDED_TOLD_SECONDS } from '../domain/session-lifetime.ts';
import { endedHorizon, listEnded } from '../store/sessions.ts';
import type { EndedPosition } from '../store/sessions.ts';
import type { Users } from '../commands/context.ts';

const LIST = 'ended-sessions';
/** xid8 and bigint as text: they may pass 2^53. */
const number = z
  .string()
  .regex(/^(?:0|[1-9][0-9]{0,18})$/)
  .refine((text) => BigInt(text) < 2n ** 63n);
const key = z.tuple([number, number]);
const AT_ONCE = 1_000;
const LAST_POSITION = String(2n ** 63n - 1n);

/**
 * All that ended after the cursor, however late its transaction committed: the cursor never passes a transaction that still runs.
 * What ended beside one is told at once all the same, and again until that one has ended: somebody else's long transaction must not
 * keep a stolen token good. Without a cursor, or with one from another life of the database, all of the last 15 minutes.
 */
export async function listEndedSessions(
  users: Pick<Users, 'db' | 'now'>,
  after: string | undefined,
): Promise<z.infer<typeof endedSessions> | Refusal> {
  const given = decodeCursor(LIST, key, after);
  if (isRefusal(given)) return given;
  const horizon = await endedHorizon(users.db);
  const known = given !== undefined && BigInt(given[0]) < BigInt(horizon);
  const since = known ? new Date(0) : new Date(users.now().getTime() - ENDED_TOLD_SECONDS * 1_000);
  const from: EndedPosition = known ? { txid: given[0], position: given[1] } : { txid: '0', position: '0' };
  const rows = await listEnded(users.db, { after: from, since, limit: AT_ONCE });
  const last = rows.length === AT_ONCE ? rows.at(-1)! : null;
  const isSettled = last !== null && BigInt(last.txid) < BigInt(horizon);
  const to = isSettled ? last : { txid: String(BigInt(horizon) - 1n), position: LAST_POSITION };
  return { sessionIds: rows.map((row) => row.sessionId), cursor: encodeCursor(LIST, [to.txid, to.position]) };
}
