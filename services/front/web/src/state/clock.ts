/** The time, for what is shown relative to it: one timer for the whole page, twice a minute. */
import { useSyncExternalStore } from 'react';

const TICK_MS = 30_000;
const listeners = new Set<() => void>();
let nowMs = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;

function tick(): void {
  nowMs = Date.now();
  for (const listener of listeners) listener();
}

export const useNowMs = (): number =>
  useSyncExternalStore(
    (listener) => {
      if (listeners.size === 0) {
        nowMs = Date.now();
        timer = setInterval(tick, TICK_MS);
      }
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0) clearInterval(timer);
      };
    },
    () => nowMs,
  );
