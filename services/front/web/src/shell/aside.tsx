/** Beside the posts, where there is room: a few people one may know. */
import { useState } from 'react';
import { friends as calls } from '../api/calls.ts';
import type { Suggestion } from '../api/calls.ts';
import { Link } from '../controls/link.tsx';
import { useLoaded } from '../lists/use-loaded.ts';
import { PersonRow } from '../people/person-row.tsx';
import { RelationButtons } from '../people/relation-buttons.tsx';
import type { Friendship } from '../people/relation-buttons.tsx';
import { useWords } from '../state/preferences.ts';

const SHOWN = 4;

/** Shows nothing where there is nobody, or where they cannot be read: it is an offer, not a part of the screen. */
export function Aside() {
  const words = useWords();
  const { value } = useLoaded(async (signal) => (await calls.suggestions({ limit: SHOWN, signal })).items);
  if (value === null || value.length === 0) return <div className="shell-aside" />;
  return (
    <aside className="shell-aside" aria-label={words.friends.suggestions}>
      <div className="aside-head">
        <h2>{words.friends.suggestions}</h2>
        <Link to="/friends/find">{words.friends.seeAll}</Link>
      </div>
      <ul className="people">
        {value.map((person) => (
          <SuggestedPerson key={person.id} person={person} />
        ))}
      </ul>
    </aside>
  );
}

function SuggestedPerson({ person }: { readonly person: Suggestion }) {
  const words = useWords();
  const [friendship, setFriendship] = useState<Friendship>(person.friendship);
  return (
    <PersonRow person={person} about={words.friends.common(person.commonFriends)}>
      <RelationButtons person={person} friendship={friendship} onChange={setFriendship} />
    </PersonRow>
  );
}
