/** A screen's frame: its title in the tab and as heading, which takes the focus when one comes here. */
import { useEffect } from 'react';
import type { ReactNode } from 'react';
import { useFeed } from '../feed/feed-provider.tsx';
import { useWords } from '../state/preferences.ts';
import { useArrival } from './arrival.ts';

interface ScreenProps {
  readonly title: string;
  /** Beside the heading. */
  readonly actions?: ReactNode;
  readonly children: ReactNode;
}

export function Screen({ title, actions, children }: ScreenProps) {
  const words = useWords();
  const { waiting } = useFeed();
  const heading = useArrival();
  useEffect(() => {
    document.title = waiting > 0 ? words.titledWithNew(title, waiting) : words.titled(title);
  }, [title, waiting, words]);
  return (
    <>
      <header className="screen-head">
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
        {actions}
      </header>
      {children}
    </>
  );
}
