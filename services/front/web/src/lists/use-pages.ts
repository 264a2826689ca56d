/** A list that is read page by page: loading, more, retry, and small changes in place. */
import { useCallback, useEffect, useRef, useState } from 'react';
import { ApiError } from '../api/call.ts';
import type { Next, Page } from '../api/calls.ts';
import { usePlace } from '../state/navigation.ts';

export interface Pages<T> {
  /** null until the first page is there. */
  readonly items: readonly T[] | null;
  readonly error: unknown;
  readonly loading: boolean;
  readonly hasMore: boolean;
  readonly more: () => void;
  readonly retry: () => void;
  readonly change: (edit: (items: readonly T[]) => readonly T[]) => void;
}

interface Held<T> {
  readonly items: readonly T[] | null;
  readonly nextCursor: string | null;
  readonly error: unknown;
  readonly loading: boolean;
}

const STARTING = { items: null, nextCursor: null, error: null, loading: true } as const;
const KEPT_MAX = 30;
/** Lists of places that were left, so that the browser's back finds them as they were. */
const kept = new Map<string, Held<unknown>>();
export const forgetLists = (): void => kept.clear();

const RETRY_FIRST_MS = 4_000;
const RETRY_MAX_MS = 30_000;

/**
 * `name` tells lists of one place apart; a component that shows another list is another component (give it a `key`). `loadPage` reads
 * one page. A list that is not available for the moment is tried again by itself, with growing pauses.
 */
export function usePages<T>(name: string, loadPage: (next: Next) => Promise<Page<T>>): Pages<T> {
  const place = usePlace();
  const keptAs = `${place.key} ${name}`;
  const [held, setHeld] = useState<Held<T>>(
    () => (place.by === 'history' ? (kept.get(keptAs) as Held<T>) : null) ?? STARTING,
  );
  const [loadFirst] = useState(() => loadPage);
  const running = useRef<AbortController | null>(null);
  const failures = useRef(0);

  const load = useCallback(
    (cursor: string | undefined) => {
      running.current?.abort();
      const control = new AbortController();
      running.current = control;
      loadFirst({ cursor, signal: control.signal })
        .then((page) => {
          setHeld((before) => ({
            items: cursor === undefined || before.items === null ? page.items : [...before.items, ...page.items],
            nextCursor: page.nextCursor,
            error: null,
            loading: false,
          }));
        })
        .catch((error: unknown) => {
          if (!control.signal.aborted) setHeld((before) => ({ ...before, error, loading: false }));
        });
    },
    [loadFirst],
  );
  const read = useCallback(
    (cursor: string | undefined) => {
      setHeld((before) => ({ ...before, loading: true }));
      load(cursor);
    },
    [load],
  );

  const [startsEmpty] = useState(held.items === null);
  useEffect(() => {
    if (startsEmpty) load(undefined);
    return () => running.current?.abort();
  }, [startsEmpty, load]);

  useEffect(() => {
    if (held.items === null || held.loading) return;
    kept.delete(keptAs);
    kept.set(keptAs, held);
    const eldest = kept.keys().next();
    if (kept.size > KEPT_MAX && eldest.done !== true) kept.delete(eldest.value);
  }, [keptAs, held]);

  useEffect(() => {
    if (!(held.error instanceof ApiError) || !held.error.passing || held.items !== null || held.loading) return;
    const pauseMs = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** failures.current);
    const timer = setTimeout(() => {
      failures.current += 1;
      read(undefined);
    }, pauseMs);
    return () => clearTimeout(timer);
  }, [held, read]);

  return {
    items: held.items,
    error: held.error,
    loading: held.loading,
    hasMore: held.nextCursor !== null,
    more: () => {
      if (!held.loading && held.nextCursor !== null) read(held.nextCursor);
    },
    retry: () => read(held.items === null ? undefined : (held.nextCursor ?? undefined)),
    change: (edit) => setHeld((before) => (before.items === null ? before : { ...before, items: edit(before.items) })),
  };
}
