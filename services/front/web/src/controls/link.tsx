/** A link within the application: a real one, followed without loading the page anew. */
import type { AnchorHTMLAttributes, MouseEvent } from 'react';
import { go, usePlace } from '../state/navigation.ts';

interface LinkProps extends Omit<AnchorHTMLAttributes<HTMLAnchorElement>, 'href'> {
  readonly to: string;
  /** Marks the link of the screen where one is (`aria-current`); default false. */
  readonly marksPlace?: boolean;
}

export function Link({ to, marksPlace = false, onClick, children, ...rest }: LinkProps) {
  const { path } = usePlace();
  const follow = (event: MouseEvent<HTMLAnchorElement>) => {
    onClick?.(event);
    if (
      event.defaultPrevented ||
      event.button !== 0 ||
      event.metaKey ||
      event.ctrlKey ||
      event.shiftKey ||
      event.altKey
    )
      return;
    event.preventDefault();
    go(to);
  };
  return (
    <a {...rest} href={to} onClick={follow} aria-current={marksPlace && path === to ? 'page' : undefined}>
      {children}
    </a>
  );
}
