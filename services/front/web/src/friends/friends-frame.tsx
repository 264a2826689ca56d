/** What the three friends screens have in common: one heading, and the way between them. */
import type { ReactNode } from 'react';
import { Link } from '../controls/link.tsx';
import { Screen } from '../shell/screen.tsx';
import { useWords } from '../state/preferences.ts';
import { useRequests } from './requests-provider.tsx';

export function FriendsFrame({ children }: { readonly children: ReactNode }) {
  const words = useWords();
  const { incoming } = useRequests();
  return (
    <Screen title={words.friends.title}>
      <nav className="sections" aria-label={words.friends.sections}>
        <Link to="/friends" marksPlace>
          {words.friends.list}
        </Link>
        <Link
          to="/friends/requests"
          marksPlace
          aria-label={incoming === 0 ? undefined : words.friends.requestsWith(incoming)}
        >
          {words.friends.requests}
          {incoming === 0 ? null : <span className="badge figures">{incoming}</span>}
        </Link>
        <Link to="/friends/find" marksPlace>
          {words.friends.find}
        </Link>
      </nav>
      {children}
    </Screen>
  );
}
