/** The home feed as the browser holds it: which posts are shown, which wait to be shown, and where the next page begins. */

/** Ids only, newest first (UUIDv7 sorts by time); the posts themselves lie on the shelf. */
export interface FeedLine {
  readonly shown: readonly string[];
  /** Arrived while the reader was further down; newer than everything shown, or filling a gap. */
  readonly waiting: readonly string[];
  readonly nextCursor: string | null;
  /** A first page that has no post in common with what is shown: it replaces everything once the reader asks for it. */
  readonly replacement: { readonly ids: readonly string[]; readonly nextCursor: string | null } | null;
}

export interface IdPage {
  readonly ids: readonly string[];
  readonly nextCursor: string | null;
}

export const lineOf = (page: IdPage): FeedLine => ({
  shown: merged(page.ids, []),
  waiting: [],
  nextCursor: page.nextCursor,
  replacement: null,
});

export const withMore = (line: FeedLine, page: IdPage): FeedLine => ({
  ...line,
  shown: merged(line.shown, page.ids),
  nextCursor: page.nextCursor,
});

/** A post came by the stream or was just written here; one that is already there changes nothing. */
export function withArrived(line: FeedLine, id: string, showAtOnce: boolean): FeedLine {
  if (line.shown.includes(id)) return line;
  if (showAtOnce)
    return { ...line, shown: merged(line.shown, [id]), waiting: line.waiting.filter((other) => other !== id) };
  if (line.waiting.includes(id)) return line;
  return { ...line, waiting: merged(line.waiting, [id]) };
}

/** The reader asked to see what waits. */
export function withWaitingShown(line: FeedLine): FeedLine {
  if (line.replacement !== null)
    return lineOf({ ...line.replacement, ids: merged(line.replacement.ids, line.waiting) });
  return { ...line, shown: merged(line.shown, line.waiting), waiting: [] };
}

export function without(line: FeedLine, gone: ReadonlySet<string>): FeedLine {
  const stays = (id: string) => !gone.has(id);
  if (line.shown.every(stays) && line.waiting.every(stays)) return line;
  return { ...line, shown: line.shown.filter(stays), waiting: line.waiting.filter(stays) };
}

/**
 * The first page was read again, after the stream had been away. Where it reaches down to what is known, new posts are
 * added and those missing from its range are taken out (deleted, or their author is no friend any more); a post newer
 * than the whole page stays, since the fan-out of one's own post may lag. Where it does not reach, it waits as a replacement.
 */
export function resynced(line: FeedLine, page: IdPage, showAtOnce: boolean): FeedLine {
  const newest = page.ids[0];
  const oldest = page.ids.at(-1);
  if (newest === undefined || oldest === undefined || line.shown.length === 0) return lineOf(page);
  const reaches = page.nextCursor === null || line.shown.some((id) => id >= oldest);
  if (!reaches) {
    return showAtOnce ? lineOf(page) : { ...line, replacement: { ids: page.ids, nextCursor: page.nextCursor } };
  }
  const onPage = new Set(page.ids);
  const missing = [...line.shown, ...line.waiting].filter(
    (id) => id < newest && (id >= oldest || page.nextCursor === null) && !onPage.has(id),
  );
  let next = without(line, new Set(missing));
  for (const id of page.ids) next = withArrived(next, id, showAtOnce || id < next.shown[0]!);
  return next;
}

export const waitingCount = (line: FeedLine): number =>
  line.replacement === null ? line.waiting.length : merged(line.replacement.ids, line.waiting).length;

function merged(some: readonly string[], others: readonly string[]): string[] {
  return [...new Set([...some, ...others])].sort((a, b) => (a < b ? 1 : a > b ? -1 : 0));
}
