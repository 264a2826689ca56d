/** A person in a list: who, a line about them, and what can be done. */
import type { ReactNode } from 'react';
import { personPath } from '../../../src/domain/screens.ts';
import type { Person } from '../api/calls.ts';
import { Avatar } from '../controls/avatar.tsx';
import { Link } from '../controls/link.tsx';

interface PersonRowProps {
  readonly person: Person;
  readonly about?: ReactNode;
  readonly children?: ReactNode;
  /** A blocked person has no profile to go to. */
  readonly linked?: boolean;
}

export function PersonRow({ person, about, children, linked = true }: PersonRowProps) {
  const who = (
    <>
      <bdi className="name">{person.name}</bdi> <span className="handle">@{person.handle}</span>
    </>
  );
  return (
    <li className="person-row">
      <Avatar person={person} />
      <div className="person-text">
        {linked ? (
          <Link to={personPath(person.handle)} className="who">
            {who}
          </Link>
        ) : (
          <span className="who">{who}</span>
        )}
        {about === undefined || about === '' ? null : <p className="about muted">{about}</p>}
      </div>
      {children === undefined ? null : <div className="person-actions">{children}</div>}
    </li>
  );
}
