/** Whom one has blocked, and taking it back. */
import { useState } from 'react';
import { users as calls } from '../api/calls.ts';
import type { Person } from '../api/calls.ts';
import { explain } from '../api/explain.ts';
import { Failed, More, Skeleton } from '../lists/states.tsx';
import { usePages } from '../lists/use-pages.ts';
import { PersonRow } from '../people/person-row.tsx';
import { useWords } from '../state/preferences.ts';
import { toast } from '../state/toasts.ts';

export function BlockedPeople() {
  const words = useWords();
  const pages = usePages<Person>('blocked', (next) => calls.blocked(next));
  const [busy, setBusy] = useState(false);
  const unblock = async (person: Person) => {
    if (busy) return;
    setBusy(true);
    try {
      await calls.unblock(person.handle);
      pages.change((people) => people.filter((other) => other.id !== person.id));
      toast('done', words.relation.unblocked(person.name));
    } catch (error) {
      toast('failed', explain(error, words));
    }
    setBusy(false);
  };
  if (pages.items === null) {
    return pages.error === null ? (
      <Skeleton kind="people" count={1} />
    ) : (
      <Failed error={pages.error} onRetry={pages.retry} busy={pages.loading} />
    );
  }
  if (pages.items.length === 0) return <p className="muted">{words.me.blockedEmpty}</p>;
  return (
    <>
      <ul className="people" aria-label={words.me.blocked}>
        {pages.items.map((person) => (
          <PersonRow key={person.id} person={person} linked={false}>
            <button
              type="button"
              aria-label={words.relation.unblockWho(person.name)}
              aria-disabled={busy}
              onClick={() => void unblock(person)}
            >
              {words.relation.unblock}
            </button>
          </PersonRow>
        ))}
      </ul>
      <More {...pages} onMore={pages.more} onRetry={pages.retry} />
    </>
  );
}
