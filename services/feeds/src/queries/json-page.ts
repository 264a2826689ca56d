/** Makes the answer of a list out of a page that is rendered already. */
import { encodeCursor } from '@switchyard/kit/cursor';
import type { RenderedPage } from '../store/pages.ts';

/** `{items, nextCursor}` as JSON. */
export function jsonPage(list: string, page: RenderedPage): string {
  const nextCursor = page.next === null ? 'null' : `"${encodeCursor(list, [page.next])}"`;
  return `{"items":[${page.items ?? ''}],"nextCursor":${nextCursor}}`;
}
