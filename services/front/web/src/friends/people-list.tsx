/** People of a list, page by page, with what one is to each of them. */
import type { ReactNode } from 'react';
import type { Suggestion, User } from '../api/calls.ts';
import { Failed, More, Skeleton } from '../lists/states.tsx';
import type { Pages } from '../lists/use-pages.ts';
import { PersonRow } from '../people/person-row.tsx';
import { RelationButtons } from '../people/relation-buttons.tsx';
import { useWords } from '../state/preferences.ts';

interface PeopleListProps {
  readonly pages: Pages<User | Suggestion>;
  readonly label: string;
  readonly empty: ReactNode;
  /** Whether "Friends" is worth saying: not in a list of friends. */
  readonly namesFriends?: boolean;
}

export function PeopleList({ pages, label, empty, namesFriends = true }: PeopleListProps) {
  const words = useWords();
  if (pages.items === null) {
    return pages.error === null ? (
      <Skeleton kind="people" />
    ) : (
      <Failed error={pages.error} onRetry={pages.retry} busy={pages.loading} />
    );
  }
  if (pages.items.length === 0 && !pages.hasMore) return empty;
  return (
    <>
      <ul className="people" aria-label={label}>
        {pages.items.map((user) => (
          <PersonRow
            key={user.id}
            person={user}
            about={'commonFriends' in user ? words.friends.common(user.commonFriends) : <bdi>{user.bio}</bdi>}
          >
            {user.friendship === 'friends' && !namesFriends ? null : (
              <RelationButtons
                person={user}
                friendship={user.friendship}
                onChange={(friendship) =>
                  pages.change((items) =>
                    items.map((other) => (other.id === user.id ? { ...other, friendship } : other)),
                  )
                }
              />
            )}
          </PersonRow>
        ))}
      </ul>
      <More {...pages} onMore={pages.more} onRetry={pages.retry} saysEnd={pages.items.length > 12} />
    </>
  );
}
