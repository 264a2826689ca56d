/** The home feed of who is signed in, alive on every screen: read once, kept up by the stream. */
import { createContext, use, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import type { ReactNode } from 'react';
import {
  lineOf,
  resynced,
  waitingCount,
  withArrived,
  withMore,
  without,
  withWaitingShown,
} from '../../../src/domain/feed-line.ts';
import type { FeedLine } from '../../../src/domain/feed-line.ts';
import { ApiError } from '../api/call.ts';
import { posts as calls } from '../api/calls.ts';
import type { Page, Post } from '../api/calls.ts';
import { postsOfAuthor, shelve, shelveArrived, takeOff } from '../posts/shelf.ts';
import { useVisible } from '../state/online.ts';
import { openFeedStream } from './feed-stream.ts';

export interface Feed {
  /** null until the first page is there. */
  readonly line: FeedLine | null;
  readonly error: unknown;
  readonly loading: boolean;
  readonly waiting: number;
  /** The last post that came in by itself and was shown at once, for a screen reader. */
  readonly lastArrived: Post | null;
  readonly more: () => void;
  readonly retry: () => void;
  readonly showWaiting: () => void;
  readonly written: (post: Post) => void;
  readonly removed: (id: string) => void;
  /** A friendship ended: the author's posts go at once, whatever the server still holds. */
  readonly parted: (handle: string) => void;
  /** A friendship began: the friend's posts are on their way. */
  readonly befriended: () => void;
}

const FeedContext = createContext<Feed | null>(null);
const RETRY_FIRST_MS = 4_000;
const RETRY_MAX_MS = 30_000;
/** A new friend's posts arrive by events; by then they are there. */
const BACKFILL_MS = 1_200;
/** Within this distance of its top the feed is being looked at from the top, and new posts simply appear. */
const TOP_PX = 120;

const atTop = () => location.pathname === '/' && window.scrollY < TOP_PX && document.visibilityState === 'visible';
const idsOf = (page: Page<Post>) => ({ ids: page.items.map((post) => post.id), nextCursor: page.nextCursor });

export function FeedProvider({ children }: { readonly children: ReactNode }) {
  const [line, setLine] = useState<FeedLine | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [loading, setLoading] = useState(true);
  const [lastArrived, setLastArrived] = useState<Post | null>(null);
  const failures = useRef(0);
  const visible = useVisible();

  const load = useCallback(
    () =>
      calls
        .feed({})
        .then((page) => {
          shelve(page.items);
          setLine((before) => (before === null ? lineOf(idsOf(page)) : resynced(before, idsOf(page), atTop())));
          setError(null);
          failures.current = 0;
        })
        .catch(setError)
        .finally(() => setLoading(false)),
    [],
  );
  const read = useCallback(() => {
    setLoading(true);
    return load();
  }, [load]);

  // Only a page that is looked at holds a stream: browsers allow six connections to a host over HTTP/1.1, for all tabs together.
  useEffect(() => {
    if (!visible) return;
    let readBefore = false;
    void load().then(() => {
      readBefore = true;
    });
    return openFeedStream('/api/feed/stream', {
      onOpen: (first) => {
        if (!first || readBefore) void read();
      },
      onPost: (post) => {
        const showAtOnce = atTop();
        shelveArrived(post);
        setLine((before) => (before === null ? before : withArrived(before, post.id, showAtOnce)));
        if (showAtOnce) setLastArrived(post);
      },
    });
  }, [visible, load, read]);

  useEffect(() => {
    if (!(error instanceof ApiError) || !error.passing || loading || !visible) return;
    const timer = setTimeout(
      () => {
        failures.current += 1;
        void read();
      },
      Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** failures.current),
    );
    return () => clearTimeout(timer);
  }, [error, loading, visible, read]);

  const nextCursor = line?.nextCursor ?? null;
  const more = useCallback(() => {
    if (nextCursor === null) return;
    setLoading(true);
    calls
      .feed({ cursor: nextCursor })
      .then((page) => {
        shelve(page.items);
        setLine((before) => (before?.nextCursor === nextCursor ? withMore(before, idsOf(page)) : before));
        setError(null);
      })
      .catch(setError)
      .finally(() => setLoading(false));
  }, [nextCursor]);

  const feed = useMemo<Feed>(() => {
    const change = (edit: (line: FeedLine) => FeedLine) =>
      setLine((before) => (before === null ? before : edit(before)));
    return {
      line,
      error,
      loading,
      waiting: line === null ? 0 : waitingCount(line),
      lastArrived,
      more,
      retry: line === null ? () => void read() : more,
      showWaiting: () => change(withWaitingShown),
      written: (post) => {
        shelve([post]);
        change((before) => withArrived(before, post.id, true));
      },
      removed: (id) => {
        takeOff([id]);
        change((before) => without(before, new Set([id])));
      },
      parted: (handle) => {
        const ids = postsOfAuthor(handle);
        takeOff(ids);
        change((before) => without(before, new Set(ids)));
      },
      befriended: () => {
        setTimeout(() => void read(), BACKFILL_MS);
      },
    };
  }, [line, error, loading, lastArrived, more, read]);
  return <FeedContext value={feed}>{children}</FeedContext>;
}

export function useFeed(): Feed {
  const feed = use(FeedContext);
  if (feed === null) throw new Error('no FeedProvider above');
  return feed;
}
