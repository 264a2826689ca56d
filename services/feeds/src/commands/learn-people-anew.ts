/** Forgets what Users' events have told, so that the running consumer takes all of them in again. */
import { forgetEvents } from '@switchyard/kit/events/forget-events';
import type { Database } from '@switchyard/kit/postgres/database';
import { changeAllCircles } from '../store/circle-lock.ts';
import { forgetGraph } from '../store/people.ts';

/** Names stay until they are told again. Until the consumer has caught up, friends' posts are out of sight. */
export const learnPeopleAnew = (db: Database): Promise<void> =>
  db.transaction(async (tx) => {
    await forgetEvents(tx, 'users'); // first, as the consumer does: its cursor, then circles
    await changeAllCircles(tx);
    await forgetGraph(tx);
  });
