/** Events that Users publishes. Additive only: archived examples of each version are replayed by a test. */
import { z } from 'zod';
import type { EventContracts } from './event.ts';
import { id, timestamp } from './page.ts';

const user = z.object({ userId: id, handle: z.string(), name: z.string() });
/** Two people, the smaller id first; the subject is `{a}:{b}`, so that both directions share one order. */
const pair = z.object({ a: id, b: id });

export const usersEvents = {
  registered: {
    type: 'users.user.registered.v1',
    summary: 'Somebody signed up',
    subject: 'user id',
    data: user.extend({ createdAt: timestamp }),
  },
  changed: {
    type: 'users.user.changed.v1',
    summary: 'A handle or name changed; both as they are now',
    subject: 'user id',
    data: user,
  },
  deleted: {
    type: 'users.user.deleted.v1',
    summary:
      'An account was deleted; everything of it goes, friendships and blocks included, and the payloads of its earlier events are erased',
    subject: 'user id',
    data: z.object({ userId: id }),
  },
  befriended: {
    type: 'users.friendship.started.v1',
    summary: 'Two people became friends',
    subject: 'pair of user ids',
    data: pair,
  },
  parted: {
    type: 'users.friendship.ended.v1',
    summary:
      'Two people are friends no more, because they parted or one blocked the other; users.user.deleted says it for all friends of an account at once',
    subject: 'pair of user ids',
    data: pair,
  },
  blocked: {
    type: 'users.block.placed.v1',
    summary: 'One person blocked another',
    subject: 'pair of user ids',
    data: z.object({ blocker: id, blocked: id }),
  },
  unblocked: {
    type: 'users.block.lifted.v1',
    summary: 'A block was taken back',
    subject: 'pair of user ids',
    data: z.object({ blocker: id, blocked: id }),
  },
} as const satisfies EventContracts;
