/** Notifications, sent when the transaction commits. */
import type { Queryable } from '@switchyard/kit/postgres/database';

export const notify = (tx: Queryable, channel: string, payload: string): Promise<unknown> =>
  tx.query({ name: 'notify', text: 'SELECT pg_notify($1, $2)', values: [channel, payload] });
