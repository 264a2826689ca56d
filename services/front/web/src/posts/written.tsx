/** What somebody wrote, as text: mentions and addresses become links, nothing becomes markup. */
import { partsOf, scriptOf } from '../../../src/domain/written-text.ts';
import { personPath } from '../../../src/domain/screens.ts';
import type { Person } from '../api/calls.ts';
import { Link } from '../controls/link.tsx';

export function Written({ text, mentions = [] }: { readonly text: string; readonly mentions?: readonly Person[] }) {
  const parts = partsOf(text, new Set(mentions.map((person) => person.handle)));
  return (
    <p className="written" dir="auto" lang={scriptOf(text)}>
      {parts.map((part, index) => {
        // parts of one text never move among themselves
        // oxlint-disable-next-line react/no-array-index-key
        const key = index;
        if (part.kind === 'plain') return <span key={key}>{part.text}</span>;
        if (part.kind === 'mention')
          return (
            <Link key={key} to={personPath(part.handle)} className="mention">
              {part.text}
            </Link>
          );
        return (
          <a key={key} href={part.url} target="_blank" rel="noopener noreferrer nofollow">
            {part.text}
          </a>
        );
      })}
    </p>
  );
}
