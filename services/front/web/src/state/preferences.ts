/** Language and theme: the reader's choice, kept on this device, shared by all tabs. */
import { CATALOGUE } from '../../../src/words/catalogue.ts';
import type { Words } from '../../../src/words/catalogue.ts';
import { isLanguage, languageFor } from '../../../src/words/language.ts';
import type { Language } from '../../../src/words/language.ts';
import { createStore, useStore } from './store.ts';

export type Theme = 'auto' | 'light' | 'dark';
export const THEMES: readonly Theme[] = ['auto', 'light', 'dark'];

interface Preferences {
  readonly language: Language;
  readonly theme: Theme;
}

const LANGUAGE_KEY = 'switchyard.language';
const THEME_KEY = 'switchyard.theme';
const store = createStore(readPreferences());
apply();

window.addEventListener('storage', (event) => {
  if (event.key === LANGUAGE_KEY || event.key === THEME_KEY) set(readPreferences());
});

export const usePreferences = (): Preferences => useStore(store);

export const useWords = (): Words => CATALOGUE[usePreferences().language];
export const useLanguage = (): Language => usePreferences().language;

export function setLanguage(language: Language): void {
  keep(LANGUAGE_KEY, language);
  set({ ...store.get(), language });
}

export function setTheme(theme: Theme): void {
  keep(THEME_KEY, theme === 'auto' ? null : theme);
  set({ ...store.get(), theme });
}

function set(preferences: Preferences): void {
  store.set(preferences);
  apply();
}

function apply(): void {
  const { language, theme } = store.get();
  const root = document.documentElement;
  root.lang = language;
  if (theme === 'auto') delete root.dataset.theme;
  else root.dataset.theme = theme;
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
function keep(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // see above
  }
}
