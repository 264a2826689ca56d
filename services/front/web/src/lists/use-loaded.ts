/** One thing that is read when a screen opens: loading, failed, or there. */
import { useCallback, useEffect, useRef, useState } from 'react';
import { ApiError } from '../api/call.ts';

export interface Loaded<T> {
  readonly value: T | null;
  readonly error: unknown;
  readonly loading: boolean;
  readonly retry: () => void;
  readonly set: (value: T) => void;
}

const RETRY_MS = 6_000;

/** `load` is read once, when the component appears; a component that shows another thing is another component (give it a `key`). */
export function useLoaded<T>(load: (signal: AbortSignal) => Promise<T>): Loaded<T> {
  const [held, setHeld] = useState<{ value: T | null; error: unknown; loading: boolean }>({
    value: null,
    error: null,
    loading: true,
  });
  const [loadFirst] = useState(() => load);
  const running = useRef<AbortController | null>(null);

  const begin = useCallback(() => {
    running.current?.abort();
    const control = new AbortController();
    running.current = control;
    loadFirst(control.signal)
      .then((value) => setHeld({ value, error: null, loading: false }))
      .catch((error: unknown) => {
        if (!control.signal.aborted) setHeld((before) => ({ ...before, error, loading: false }));
      });
  }, [loadFirst]);

  const read = useCallback(() => {
    setHeld((before) => ({ ...before, loading: true }));
    begin();
  }, [begin]);

  useEffect(() => {
    begin();
    return () => running.current?.abort();
  }, [begin]);

  useEffect(() => {
    if (!(held.error instanceof ApiError) || !held.error.passing || held.value !== null || held.loading) return;
    const timer = setTimeout(read, RETRY_MS);
    return () => clearTimeout(timer);
  }, [held, read]);

  return { ...held, retry: read, set: useCallback((value: T) => setHeld({ value, error: null, loading: false }), []) };
}
