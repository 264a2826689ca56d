/** The id of an event in a feed stream: the transaction below which the client has everything. */
import { refuse, requestErrors } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';

/** xid8 is an unsigned 64-bit number; 19 digits never overflow it. */
const STREAM_CURSOR = /^f([0-9]{1,19})$/;

export const encodeStreamCursor = (transaction: string): string => `f${transaction}`;

/** The transaction of a `Last-Event-ID`; undefined when there is none; a refusal for one that no feed stream sends. */
export function decodeStreamCursor(lastEventId: string | undefined): string | undefined | Refusal {
  if (lastEventId === undefined || lastEventId === '') return undefined;
  const transaction = STREAM_CURSOR.exec(lastEventId)?.[1];
  return (
    transaction ??
    refuse(requestErrors.CURSOR_INVALID, {
      detail: 'Give the id of the last event of this stream, unchanged, or none to begin now',
      faults: [{ at: 'header.last-event-id', message: 'was not issued by this stream' }],
    })
  );
}
