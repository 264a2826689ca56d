/** Keeps Feeds' copy of people, friendships and blocks as Users' events tell, and queues the work that follows. */
import { usersEvents } from '@switchyard/contracts/users-events';
import type { Transaction } from '@switchyard/kit/postgres/database';
import { CHANNEL, WORK } from '../domain/channels.ts';
import { changeCircles } from '../store/circle-lock.ts';
import { notify } from '../store/notices.ts';
import {
  buryPerson,
  friendIds,
  leaveOwnCircle,
  putBlock,
  putFriendship,
  putPerson,
  removeBlock,
  removeFriendships,
} from '../store/people.ts';
import { queuePairs } from '../store/reconciliations.ts';

export interface UsersEvent {
  readonly type: string;
  readonly subject: string;
  /** Of the schema of its type; null when it was erased with the account it is about, whose deletion follows. */
  readonly data: unknown;
}

/** Applies one event in the transaction that remembers it as applied. Events of types that Feeds has no use for change nothing. */
export async function applyUsersEvent(tx: Transaction, event: UsersEvent): Promise<void> {
  if (event.type === usersEvents.deleted.type) return forget(tx, event.subject);
  if (event.data !== null) await APPLY[event.type]?.(tx, event.data as never);
}

const APPLY: Readonly<Record<string, (tx: Transaction, data: never) => Promise<unknown>>> = {
  [usersEvents.registered.type]: putNamed,
  [usersEvents.changed.type]: putNamed,
  [usersEvents.befriended.type]: async (tx, { a, b }: { a: string; b: string }) => {
    await changeCircles(tx, [a, b]);
    await putFriendship(tx, a, b);
    await queueWork(tx, a, [b]);
  },
  [usersEvents.parted.type]: (tx, { a, b }: { a: string; b: string }) => part(tx, a, b),
  [usersEvents.blocked.type]: async (tx, { blocker, blocked }: { blocker: string; blocked: string }) => {
    await putBlock(tx, blocker, blocked);
    await part(tx, blocker, blocked); // Users says that too; whoever blocks need not wait for it
  },
  [usersEvents.unblocked.type]: (tx, { blocker, blocked }: { blocker: string; blocked: string }) =>
    removeBlock(tx, blocker, blocked),
};

function putNamed(tx: Transaction, data: { userId: string; handle: string; name: string }): Promise<unknown> {
  return putPerson(tx, { id: data.userId, handle: data.handle, name: data.name });
}

async function part(tx: Transaction, a: string, b: string): Promise<void> {
  await changeCircles(tx, [a, b]);
  await removeFriendships(tx, a, [b]);
  await queueWork(tx, a, [b]);
}

/** From the commit on nothing of theirs is seen; what is left of it is removed in the background. */
async function forget(tx: Transaction, personId: string): Promise<void> {
  const friends = await friendIds(tx, personId);
  await changeCircles(tx, [personId, ...friends]);
  await buryPerson(tx, personId);
  await removeFriendships(tx, personId, friends);
  await leaveOwnCircle(tx, personId);
  await queueWork(tx, personId, friends);
}

async function queueWork(tx: Transaction, personId: string, others: readonly string[]): Promise<void> {
  await queuePairs(tx, personId, others);
  await notify(tx, CHANNEL, WORK);
}
