/** Makes the answer of a list out of rows that are JSON already. */
import type { RenderedRow } from '../store/post-json.ts';
import { encodeCursor } from '@switchyard/kit/cursor';

/** `rows` has one row more than `limit` where there is a next page. */
export function jsonPage(list: string, rows: readonly RenderedRow[], limit: number): string {
  const hasNext = rows.length > limit;
  let items = '';
  for (let i = 0; i < rows.length && i < limit; i++) items += i === 0 ? rows[i]!.json : `,${rows[i]!.json}`;
  const nextCursor = hasNext ? `"${encodeCursor(list, [rows[limit - 1]!.id])}"` : 'null';
  return `{"items":[${items}],"nextCursor":${nextCursor}}`;
}
