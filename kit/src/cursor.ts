/** Opaque cursors of keyset pages: which list they belong to and the sort key of the last item. */
import { z } from 'zod';
import { refuse, Refusal, requestErrors } from './errors.ts';

/** A cursor that only `list` accepts; `key` is the sort key of the last item on the page. */
export const encodeCursor = (list: string, key: readonly (string | number)[]): string =>
  Buffer.from(JSON.stringify([list, ...key])).toString('base64url');

/**
 * Reads a cursor of `list`; `key` says what its sort key looks like.
 *
 * @returns the key; undefined when there is no cursor; a refusal (REQUEST_CURSOR_INVALID) for anything that `list` would not issue
 */
export function decodeCursor<K extends z.ZodType>(
  list: string,
  key: K,
  cursor: string | undefined,
): z.infer<K> | undefined | Refusal {
  if (cursor === undefined) return undefined;
  try {
    const [from, ...rest] = z.array(z.unknown()).parse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')));
    if (from === list && encodeCursor(list, rest as string[]) === cursor) return key.parse(rest);
  } catch {
    // falls through to the refusal: whatever is wrong with it, it is not ours
  }
  return refuse(requestErrors.CURSOR_INVALID, {
    detail: 'Give the nextCursor of the page before, unchanged, or none for the first page',
    faults: [{ at: 'query.cursor', message: 'was not issued by this list' }],
  });
}
