/** The id of an event in a feed stream: the transaction below which the client has everything, and what it has beyond. */
import { refuse, requestErrors } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';

/**
 * `beyond`: posts that the client has of transactions from `since` on. They are there while an older transaction, of whomever, is still
 * open; without them a client that was sent away in such a moment would get them again.
 */
export interface StreamCursor {
  readonly since: string;
  readonly beyond: readonly string[];
}

/** More are left out, and come twice: an id has to fit into a header. */
const BEYOND_MAX = 16;
/** xid8 is an unsigned 64-bit number; 19 digits never overflow it. */
const STREAM_CURSOR = /^f([0-9]{1,19})((?:\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}){0,16})$/;

export const encodeStreamCursor = ({ since, beyond }: StreamCursor): string =>
  ['f'.concat(since), ...beyond.slice(-BEYOND_MAX)].join('.');

/** What a `Last-Event-ID` says; undefined when there is none; a refusal for one that no feed stream sends. */
export function decodeStreamCursor(lastEventId: string | undefined): StreamCursor | undefined | Refusal {
  if (lastEventId === undefined || lastEventId === '') return undefined;
  const [, since, beyond = ''] = STREAM_CURSOR.exec(lastEventId) ?? [];
  if (since !== undefined) return { since, beyond: beyond.split('.').slice(1) };
  return refuse(requestErrors.CURSOR_INVALID, {
    detail: 'Give the id of the last event of this stream, unchanged, or none to begin now',
    faults: [{ at: 'header.last-event-id', message: 'was not issued by this stream' }],
  });
}
