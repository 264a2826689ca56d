/** Publishes what a command changed, in the transaction that changes it. */
import { usersEvents } from '@switchyard/contracts/users-events';
import { appendEvent } from '@switchyard/kit/events/outbox';
import type { Transaction } from '@switchyard/kit/postgres/database';
import type { z } from 'zod';
import { subjectOf } from '../domain/pair.ts';
import type { Pair } from '../domain/pair.ts';
import { rememberTold } from '../store/friendships.ts';

const SOURCE = '/users';

type Events = typeof usersEvents;
type AboutUser = 'registered' | 'changed' | 'deleted';
type AboutPair = Exclude<keyof Events, AboutUser>;

export async function tellOfUser<K extends AboutUser>(
  tx: Transaction,
  what: K,
  data: z.input<Events[K]['data']>,
): Promise<void> {
  await appendEvent(tx, { source: SOURCE, contract: usersEvents[what], subject: data.userId, data });
}

/** Also remembers the pair, so that deleting either account finds the event again. */
export async function tellOfPair<K extends AboutPair>(
  tx: Transaction,
  what: K,
  pair: Pair,
  data: z.input<Events[K]['data']>,
): Promise<void> {
  await rememberTold(tx, pair);
  await appendEvent(tx, { source: SOURCE, contract: usersEvents[what], subject: subjectOf(pair), data });
}
