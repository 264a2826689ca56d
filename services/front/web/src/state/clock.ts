/** The time, for what is shown relative to it: one timer for the whole page, twice a minute. */
import { createStore, useStore } from './store.ts';

const TICK_MS = 30_000;

const nowMs = createStore(Date.now(), () => {
  const tick = () => nowMs.set(Date.now());
  const first = setTimeout(tick);
  const timer = setInterval(tick, TICK_MS);
  return () => {
    clearTimeout(first);
    clearInterval(timer);
  };
});

export const useNowMs = (): number => useStore(nowMs);
