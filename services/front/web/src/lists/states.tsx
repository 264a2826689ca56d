/** What a list shows when it has nothing to show: loading, empty, failed; and the way to its next page. */
import { useEffect, useRef } from 'react';
import type { ReactNode } from 'react';
import { ApiError } from '../api/call.ts';
import { explain } from '../api/explain.ts';
import { useWords } from '../state/preferences.ts';

/** Grey lines where posts or people will be. */
export function Skeleton({ kind, count = 4 }: { readonly kind: 'posts' | 'people'; readonly count?: number }) {
  const words = useWords();
  return (
    <div className={`skeleton ${kind}`} aria-live="polite">
      <span className="unseen">{words.loading}</span>
      {Array.from({ length: count }, (_, index) => (
        <div key={index} className="skeleton-item">
          <span className="bone round" />
          <span className="bone short" />
          <span className="bone" />
          {kind === 'posts' ? <span className="bone medium" /> : null}
        </div>
      ))}
    </div>
  );
}

export function Empty({
  title,
  text,
  children,
}: {
  readonly title: string;
  readonly text: string;
  readonly children?: ReactNode;
}) {
  return (
    <div className="empty">
      <svg className="empty-track" viewBox="0 0 120 24" width="120" height="24" aria-hidden="true">
        <path d="M2 18h116" />
        <path className="branch" d="M2 6h30c18 0 22 12 40 12" />
      </svg>
      <h2>{title}</h2>
      <p>{text}</p>
      {children === undefined ? null : <div className="actions">{children}</div>}
    </div>
  );
}

export function Failed(failed: {
  readonly error: unknown;
  readonly onRetry: () => void;
  readonly busy: boolean;
  readonly title?: string | undefined;
  readonly text?: string | undefined;
}) {
  const words = useWords();
  const requestId = failed.error instanceof ApiError ? failed.error.problem?.requestId : undefined;
  return (
    <div className="failed" role="alert">
      <h2>{failed.title ?? words.trouble.failedTitle}</h2>
      {failed.text === undefined ? null : <p>{failed.text}</p>}
      <p>{explain(failed.error, words)}</p>
      <div className="actions">
        <button type="button" onClick={failed.onRetry} aria-disabled={failed.busy}>
          {words.tryAgain}
        </button>
      </div>
      {requestId === undefined ? null : <p className="fine muted">{words.trouble.requestId(requestId)}</p>}
    </div>
  );
}

interface MoreProps {
  readonly hasMore: boolean;
  readonly loading: boolean;
  readonly error: unknown;
  readonly onMore: () => void;
  readonly onRetry: () => void;
  /** Whether the list is long enough that its end is worth a word. */
  readonly saysEnd?: boolean;
}

/** A button that presses itself when it comes into view; after an error it waits for a hand. */
export function More({ hasMore, loading, error, onMore, onRetry, saysEnd = false }: MoreProps) {
  const words = useWords();
  const button = useRef<HTMLButtonElement>(null);
  const idle = hasMore && !loading && error === null;

  useEffect(() => {
    const element = button.current;
    if (!idle || element === null) return;
    const watcher = new IntersectionObserver(
      (entries) => {
        if (entries.some((entry) => entry.isIntersecting)) onMore();
      },
      { rootMargin: '600px' },
    );
    watcher.observe(element);
    return () => watcher.disconnect();
  }, [idle, onMore]);

  if (error !== null && !loading) {
    return (
      <div className="more" role="alert">
        <p>{explain(error, words)}</p>
        <button type="button" onClick={onRetry}>
          {words.tryAgain}
        </button>
      </div>
    );
  }
  if (!hasMore) return saysEnd ? <p className="more end-mark muted">{words.end}</p> : null;
  return (
    <div className="more">
      <button ref={button} type="button" className="quiet" onClick={onMore} aria-disabled={loading}>
        {loading ? words.loading : words.loadMore}
      </button>
    </div>
  );
}
