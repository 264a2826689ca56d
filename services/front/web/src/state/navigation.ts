/** Where the reader is: the address bar as a store, moves through it, and the scroll position of each place that was left. */
import { useSyncExternalStore } from 'react';

export interface Place {
  readonly path: string;
  /** With its `?`, or ''. */
  readonly search: string;
  /** One for each entry of the history. */
  readonly key: string;
  /** How one came here: by opening the page, by going forwards, or by the browser's back and forward. */
  readonly by: 'opening' | 'going' | 'history';
}

let count = 0;
const nextKey = () => `${Date.now().toString(36)}-${(count += 1)}`;
const scrolls = new Map<string, number>();
const listeners = new Set<() => void>();

history.scrollRestoration = 'manual';
let here: Place = placeNow('opening');
history.replaceState({ key: here.key }, '');

window.addEventListener('popstate', () => {
  scrolls.set(here.key, window.scrollY);
  move(placeNow('history'));
});

export function go(to: string, options: { replace?: boolean } = {}): void {
  if (to === here.path + here.search) {
    window.scrollTo({ top: 0 });
    return;
  }
  scrolls.set(here.key, window.scrollY);
  const key = nextKey();
  if (options.replace === true) history.replaceState({ key }, '', to);
  else history.pushState({ key }, '', to);
  move(placeNow('going'));
}

/** Changes the query of the place where one is, without going anywhere: what is typed into a search field. */
export function setSearch(search: string): void {
  history.replaceState({ key: here.key }, '', here.path + search);
  here = { ...here, search };
  for (const listener of listeners) listener();
}

export const usePlace = (): Place =>
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => here,
  );

export const scrollOf = (place: Place): number => (place.by === 'history' ? (scrolls.get(place.key) ?? 0) : 0);

function placeNow(by: Place['by']): Place {
  const state = history.state as { key?: unknown } | null;
  const key = typeof state?.key === 'string' ? state.key : nextKey();
  return { path: location.pathname, search: location.search, key, by };
}

function move(to: Place): void {
  here = to;
  for (const listener of listeners) listener();
}
