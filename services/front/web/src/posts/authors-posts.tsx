/** The posts of one author, newest first, page by page. */
import type { ReactNode } from 'react';
import { posts as calls } from '../api/calls.ts';
import { More, Failed, Skeleton } from '../lists/states.tsx';
import { usePages } from '../lists/use-pages.ts';
import type { Pages } from '../lists/use-pages.ts';
import { useWords } from '../state/preferences.ts';
import { PostList } from './post-list.tsx';
import { shelve, useStanding } from './shelf.ts';

/** The ids of the author's posts; the posts themselves go on the shelf. */
export const useAuthorsPosts = (handle: string): Pages<string> =>
  usePages(`posts of ${handle}`, async (next) => {
    const page = await calls.by(handle, next);
    shelve(page.items);
    return { items: page.items.map((post) => post.id), nextCursor: page.nextCursor };
  });

export function AuthorsPosts({
  pages,
  label,
  empty,
}: {
  readonly pages: Pages<string>;
  readonly label: string;
  readonly empty: ReactNode;
}) {
  const words = useWords();
  const standing = useStanding(pages.items ?? []);
  if (pages.items === null) {
    return pages.error === null ? (
      <Skeleton kind="posts" />
    ) : (
      <Failed error={pages.error} title={words.feed.unavailableTitle} onRetry={pages.retry} busy={pages.loading} />
    );
  }
  if (standing.length === 0 && !pages.hasMore) return empty;
  return (
    <>
      <PostList ids={standing} label={label} />
      <More {...pages} onMore={pages.more} onRetry={pages.retry} saysEnd={standing.length > 8} />
    </>
  );
}
