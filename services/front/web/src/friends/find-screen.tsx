/** Finding people: a search by name or handle, and friends of friends while nothing is searched. */
import { useEffect, useId, useState } from 'react';
import { friends as friendCalls, users as userCalls } from '../api/calls.ts';
import type { Suggestion, User } from '../api/calls.ts';
import { Empty } from '../lists/states.tsx';
import { usePages } from '../lists/use-pages.ts';
import { Icon } from '../shell/icons.tsx';
import { setSearch, usePlace } from '../state/navigation.ts';
import { useWords } from '../state/preferences.ts';
import { FriendsFrame } from './friends-frame.tsx';
import { PeopleList } from './people-list.tsx';

const TYPING_PAUSE_MS = 250;
const QUERY_MAX = 60;

export function FindScreen() {
  const words = useWords();
  const id = useId();
  const searched = (new URLSearchParams(usePlace().search).get('query') ?? '').trim().slice(0, QUERY_MAX);
  const [typed, setTyped] = useState(searched);

  useEffect(() => {
    const query = typed.trim();
    if (query === searched) return;
    const timer = setTimeout(
      () => setSearch(query === '' ? '' : `?${new URLSearchParams({ query })}`),
      TYPING_PAUSE_MS,
    );
    return () => clearTimeout(timer);
  }, [typed, searched]);

  return (
    <FriendsFrame>
      <search className="search">
        <label htmlFor={id} className="unseen">
          {words.friends.search}
        </label>
        <Icon name="search" />
        <input
          id={id}
          type="search"
          value={typed}
          maxLength={QUERY_MAX}
          placeholder={words.friends.searchPlaceholder}
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          onChange={(event) => setTyped(event.target.value)}
        />
      </search>
      {searched === '' ? <Suggestions /> : <Results key={searched} query={searched} />}
    </FriendsFrame>
  );
}

function Suggestions() {
  const words = useWords();
  const pages = usePages<User | Suggestion>('suggestions', (next) => friendCalls.suggestions(next));
  return (
    <section aria-labelledby="suggestions-title">
      <h2 id="suggestions-title" className="section-title">
        {words.friends.suggestions}
      </h2>
      <PeopleList
        pages={pages}
        label={words.friends.suggestions}
        empty={<Empty title={words.friends.suggestionsEmptyTitle} text={words.friends.suggestionsEmpty} />}
      />
    </section>
  );
}

function Results({ query }: { readonly query: string }) {
  const words = useWords();
  const pages = usePages<User | Suggestion>(`people like ${query}`, (next) => userCalls.search(query, next));
  return (
    <section aria-labelledby="results-title" aria-live="polite" aria-busy={pages.items === null}>
      <h2 id="results-title" className="section-title">
        {words.friends.results}
      </h2>
      <PeopleList
        pages={pages}
        label={words.friends.results}
        empty={<Empty title={words.friends.noResultsTitle} text={words.friends.noResults(query)} />}
      />
    </section>
  );
}
