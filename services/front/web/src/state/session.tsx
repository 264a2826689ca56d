/** Who is signed in: read at the start, changed by signing in and out, lost when the gateway says so. */
import { createContext, use, useCallback, useEffect, useMemo, useState } from 'react';
import type { ReactNode } from 'react';
import { ApiError, whenSessionLost } from '../api/call.ts';
import { session as calls } from '../api/calls.ts';
import type { SessionUser } from '../api/calls.ts';
import { go } from './navigation.ts';

/** Why somebody finds the sign-in before them. */
export type SignedOutBecause = 'not-yet' | 'ended' | 'left' | 'deleted';

export type SessionState =
  | { readonly phase: 'starting' }
  | { readonly phase: 'unreachable'; readonly error: unknown }
  | { readonly phase: 'signed-out'; readonly because: SignedOutBecause }
  | { readonly phase: 'signed-in'; readonly user: SessionUser };

export interface Session {
  readonly state: SessionState;
  readonly retry: () => void;
  /** 'cookies-dropped' when the password was right and the browser kept no cookie. @throws ApiError */
  readonly signIn: (login: string, password: string) => Promise<'signed-in' | 'cookies-dropped'>;
  /** After the session ended at the gateway, by one's own wish. */
  readonly left: (because: SignedOutBecause) => void;
  readonly renamed: (user: SessionUser) => void;
}

const SessionContext = createContext<Session | null>(null);

export function SessionProvider({ children }: { readonly children: ReactNode }) {
  const [state, setState] = useState<SessionState>({ phase: 'starting' });

  useEffect(() => {
    let current = true;
    void readState().then((read) => {
      if (current) setState(read);
    });
    return () => {
      current = false;
    };
  }, []);

  useEffect(
    () =>
      whenSessionLost(() =>
        setState((before) => (before.phase === 'signed-in' ? { phase: 'signed-out', because: 'ended' } : before)),
      ),
    [],
  );

  const retry = useCallback(() => {
    setState({ phase: 'starting' });
    void readState().then(setState);
  }, []);
  const signIn = useCallback(async (login: string, password: string) => {
    await calls.signIn({ login, password });
    const read = await readState();
    if (read.phase === 'signed-out') return 'cookies-dropped' as const;
    if (read.phase === 'unreachable') throw read.error;
    setState(read);
    return 'signed-in' as const;
  }, []);
  const left = useCallback((because: SignedOutBecause) => {
    setState({ phase: 'signed-out', because });
    go('/sign-in');
  }, []);
  const renamed = useCallback((user: SessionUser) => setState({ phase: 'signed-in', user }), []);

  const session = useMemo(() => ({ state, retry, signIn, left, renamed }), [state, retry, signIn, left, renamed]);
  return <SessionContext value={session}>{children}</SessionContext>;
}

export function useSession(): Session {
  const session = use(SessionContext);
  if (session === null) throw new Error('no SessionProvider above');
  return session;
}

/** The signed-in reader; only screens behind the sign-in ask. */
export function useMe(): SessionUser {
  const { state } = useSession();
  if (state.phase !== 'signed-in') throw new Error('nobody is signed in');
  return state.user;
}

async function readState(): Promise<SessionState> {
  try {
    return { phase: 'signed-in', user: (await calls.read()).user };
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) return { phase: 'signed-out', because: 'not-yet' };
    return { phase: 'unreachable', error };
  }
}
