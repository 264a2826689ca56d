/** How many people wait for an answer: read when the page opens, when it is looked at again, and now and then. */
import { createContext, use, useCallback, useEffect, useMemo, useState } from 'react';
import type { ReactNode } from 'react';
import { friends as calls } from '../api/calls.ts';
import { useVisible } from '../state/online.ts';

interface Requests {
  /** At most 100 are counted. */
  readonly incoming: number;
  readonly refresh: () => void;
}

const RequestsContext = createContext<Requests | null>(null);
const EVERY_MS = 20_000;

export function RequestsProvider({ children }: { readonly children: ReactNode }) {
  const [incoming, setIncoming] = useState(0);
  const visible = useVisible();
  const refresh = useCallback(() => {
    calls.requests('incoming', { limit: 100 }).then(
      (page) => setIncoming(page.items.length),
      () => {
        // the number is a courtesy: the requests themselves say what is wrong
      },
    );
  }, []);
  useEffect(() => {
    if (!visible) return;
    refresh();
    const timer = setInterval(refresh, EVERY_MS);
    return () => clearInterval(timer);
  }, [visible, refresh]);
  const requests = useMemo(() => ({ incoming, refresh }), [incoming, refresh]);
  return <RequestsContext value={requests}>{children}</RequestsContext>;
}

export function useRequests(): Requests {
  const requests = use(RequestsContext);
  if (requests === null) throw new Error('no RequestsProvider above');
  return requests;
}
