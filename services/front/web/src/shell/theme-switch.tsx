/** One press between light and dark; "as the system" is set in the profile. */
import { useSyncExternalStore } from 'react';
import { setTheme, usePreferences, useWords } from '../state/preferences.ts';
import { Icon } from './icons.tsx';

const system = window.matchMedia('(prefers-color-scheme: dark)');
const subscribe = (listener: () => void) => {
  system.addEventListener('change', listener);
  return () => system.removeEventListener('change', listener);
};

export function ThemeSwitch() {
  const words = useWords();
  const { theme } = usePreferences();
  const systemDark = useSyncExternalStore(subscribe, () => system.matches);
  const dark = theme === 'auto' ? systemDark : theme === 'dark';
  const label = dark ? words.me.toLight : words.me.toDark;
  return (
    <button
      type="button"
      className="quiet icon-button"
      aria-label={label}
      title={label}
      onClick={() => setTheme(dark ? 'light' : 'dark')}
    >
      <Icon name={dark ? 'sun' : 'moon'} />
    </button>
  );
}
