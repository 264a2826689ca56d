/** The frame of sign-in and sign-up: what this place is on one side, the form on the other. */
import { useEffect } from 'react';
import type { ReactNode } from 'react';
import { LANGUAGE_NAMES, LANGUAGES } from '../../../src/words/language.ts';
import { Logo, YardDrawing } from '../shell/icons.tsx';
import { useArrival } from '../shell/arrival.ts';
import { ThemeSwitch } from '../shell/theme-switch.tsx';
import { setLanguage, useLanguage, useWords } from '../state/preferences.ts';

export function AccountFrame({ title, children }: { readonly title: string; readonly children: ReactNode }) {
  const words = useWords();
  const language = useLanguage();
  const heading = useArrival();
  useEffect(() => {
    document.title = words.titled(title);
  }, [title, words]);
  return (
    <div className="account">
      <div className="account-side">
        <YardDrawing />
        <p className="wordmark">
          <Logo size={36} />
          {words.appName}
        </p>
        <div className="account-words">
          <p className="tagline">{words.tagline}</p>
          <p className="promise">{words.promise}</p>
        </div>
      </div>
      <main className="account-main" id="main">
        <div className="account-form">
          <h1 ref={heading} tabIndex={-1}>
            {title}
          </h1>
          {children}
        </div>
        <footer className="account-foot">
          {LANGUAGES.map((other) => (
            <button
              key={other}
              type="button"
              className="quiet small"
              lang={other}
              aria-pressed={other === language}
              onClick={() => setLanguage(other)}
            >
              {LANGUAGE_NAMES[other]}
            </button>
          ))}
          <ThemeSwitch />
        </footer>
      </main>
    </div>
  );
}
