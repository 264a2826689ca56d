/** Focus and scroll on coming to a screen: its heading and the top going forwards, what was left going back. */
import { useLayoutEffect, useRef } from 'react';
import { scrollOf, usePlace } from '../state/navigation.ts';

/** For the heading of a screen; it takes the focus unless the page was just opened. */
export function useArrival() {
  const place = usePlace();
  const heading = useRef<HTMLHeadingElement>(null);
  const { key, by } = place;
  useLayoutEffect(() => {
    window.scrollTo(0, scrollOf(place));
    if (by !== 'opening') heading.current?.focus({ preventScroll: true });
    // once for each place, not for each change of its query
    // oxlint-disable-next-line react/exhaustive-deps
  }, [key, by]);
  return heading;
}
