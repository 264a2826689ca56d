/** Open requests: those that wait for one's answer, and those that wait for others'. */
import { useState } from 'react';
import { friends as calls } from '../api/calls.ts';
import type { Direction, FriendRequest } from '../api/calls.ts';
import { When } from '../controls/when.tsx';
import { Failed, More, Skeleton } from '../lists/states.tsx';
import { usePages } from '../lists/use-pages.ts';
import { PersonRow } from '../people/person-row.tsx';
import { RelationButtons } from '../people/relation-buttons.tsx';
import type { Friendship } from '../people/relation-buttons.tsx';
import { useWords } from '../state/preferences.ts';
import { FriendsFrame } from './friends-frame.tsx';

export function RequestsScreen() {
  return (
    <FriendsFrame>
      <RequestList direction="incoming" />
      <RequestList direction="outgoing" />
    </FriendsFrame>
  );
}

function RequestList({ direction }: { readonly direction: Direction }) {
  const words = useWords();
  const pages = usePages<FriendRequest>(direction, (next) => calls.requests(direction, next));
  const title = words.friends[direction];
  return (
    <section aria-labelledby={`requests-${direction}`}>
      <h2 id={`requests-${direction}`} className="section-title">
        {title}
      </h2>
      {pages.items === null ? (
        pages.error === null ? (
          <Skeleton kind="people" count={2} />
        ) : (
          <Failed error={pages.error} onRetry={pages.retry} busy={pages.loading} />
        )
      ) : pages.items.length === 0 && !pages.hasMore ? (
        <p className="muted">{direction === 'incoming' ? words.friends.incomingEmpty : words.friends.outgoingEmpty}</p>
      ) : (
        <>
          <ul className="people" aria-label={title}>
            {pages.items.map((request) => (
              <RequestRow key={request.id} request={request} direction={direction} />
            ))}
          </ul>
          <More {...pages} onMore={pages.more} onRetry={pages.retry} />
        </>
      )}
    </section>
  );
}

/** An answered request stays where it was, with what has become of it, so that nothing jumps under the hand. */
function RequestRow({ request, direction }: { readonly request: FriendRequest; readonly direction: Direction }) {
  const [friendship, setFriendship] = useState<Friendship>(direction);
  const person = direction === 'incoming' ? request.from : request.to;
  return (
    <PersonRow person={person} about={<When iso={request.createdAt} />}>
      <RelationButtons
        person={person}
        friendship={friendship}
        {...(friendship === direction ? { requestId: request.id } : {})}
        onChange={setFriendship}
      />
    </PersonRow>
  );
}
