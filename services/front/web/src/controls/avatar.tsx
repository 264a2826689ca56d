/** A person's sign: the first letter of the name, in a colour of its own. */
import { initialOf, toneOf } from '../../../src/domain/written-text.ts';
import type { Person } from '../api/calls.ts';

export function Avatar({
  person,
  size = 'normal',
}: {
  readonly person: Person;
  readonly size?: 'small' | 'normal' | 'large';
}) {
  return (
    <span className={`avatar tone-${toneOf(person.id)} ${size}`} aria-hidden="true">
      {initialOf(person.name)}
    </span>
  );
}
