/** Where the reader is: the address bar as a store, moves through it, and the scroll position of each place that was left. */
import { createStore, useStore } from './store.ts';

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

history.scrollRestoration = 'manual';
const store = createStore<Place>(placeNow('opening'));

window.addEventListener('popstate', () => {
  scrolls.set(store.get().key, window.scrollY);
  store.set(placeNow('history'));
});

export function go(to: string, options: { replace?: boolean } = {}): void {
  const here = store.get();
  if (to === here.path + here.search) {
    window.scrollTo({ top: 0 });
    return;
  }
  scrolls.set(here.key, window.scrollY);
  const key = nextKey();
  if (options.replace === true) history.replaceState({ key }, '', to);
  else history.pushState({ key }, '', to);
  store.set(placeNow('going'));
}

/** Changes the query of the place where one is, without going anywhere: what is typed into a search field. */
export function setSearch(search: string): void {
  const here = store.get();
  history.replaceState({ key: here.key }, '', here.path + search);
  store.set({ ...here, search });
}

export const usePlace = (): Place => useStore(store);

export const scrollOf = (place: Place): number => (place.by === 'history' ? (scrolls.get(place.key) ?? 0) : 0);

function placeNow(by: Place['by']): Place {
  const state = history.state as { key?: unknown } | null;
  const key = typeof state?.key === 'string' ? state.key : nextKey();
  if (key !== state?.key) history.replaceState({ key }, '');
  return { path: location.pathname, search: location.search, key, by };
}
