/** Language and theme: the reader's choice, kept on this device, shared by all tabs. */
import { useSyncExternalStore } from 'react';
import { CATALOGUE } from '../../../src/words/catalogue.ts';
import type { Words } from '../../../src/words/catalogue.ts';
import { isLanguage, languageFor } from '../../../src/words/language.ts';
import type { Language } from '../../../src/words/language.ts';

export type Theme = 'auto' | 'light' | 'dark';
export const THEMES: readonly Theme[] = ['auto', 'light', 'dark'];

interface Preferences {
  readonly language: Language;
  readonly theme: Theme;
}

const LANGUAGE_KEY = 'switchyard.language';
const THEME_KEY = 'switchyard.theme';
const listeners = new Set<() => void>();
let now = readPreferences();
apply();

window.addEventListener('storage', (event) => {
  if (event.key === LANGUAGE_KEY || event.key === THEME_KEY) set(readPreferences());
});

export const usePreferences = (): Preferences =>
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => now,
  );

export const useWords = (): Words => CATALOGUE[usePreferences().language];
export const useLanguage = (): Language => usePreferences().language;

export function setLanguage(language: Language): void {
  store(LANGUAGE_KEY, language);
  set({ ...now, language });
}

export function setTheme(theme: Theme): void {
  store(THEME_KEY, theme === 'auto' ? null : theme);
  set({ ...now, theme });
}

function set(preferences: Preferences): void {
  now = preferences;
  apply();
  for (const listener of listeners) listener();
}

function apply(): void {
  const root = document.documentElement;
  root.lang = now.language;
  if (now.theme === 'auto') delete root.dataset.theme;
  else root.dataset.theme = now.theme;
}

function readPreferences(): Preferences {
  const theme = stored(THEME_KEY);
  const language = stored(LANGUAGE_KEY);
  return {
    language: languageFor(isLanguage(language) ? language : null, navigator.languages),
    theme: theme === 'light' || theme === 'dark' ? theme : 'auto',
  };
}

/** Storage may be closed to us (private windows, policies); then a choice lasts as long as the page. */
function stored(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}
function store(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // see above
  }
}
