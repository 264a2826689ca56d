/** One's friends, by handle. */
import { friends as calls } from '../api/calls.ts';
import type { User } from '../api/calls.ts';
import { Link } from '../controls/link.tsx';
import { Empty } from '../lists/states.tsx';
import { usePages } from '../lists/use-pages.ts';
import { useWords } from '../state/preferences.ts';
import { FriendsFrame } from './friends-frame.tsx';
import { PeopleList } from './people-list.tsx';

export function FriendsScreen() {
  const words = useWords();
  const pages = usePages<User>('friends', (next) => calls.list(next));
  return (
    <FriendsFrame>
      <PeopleList
        pages={pages}
        label={words.friends.list}
        namesFriends={false}
        empty={
          <Empty title={words.friends.emptyTitle} text={words.friends.empty}>
            <Link to="/friends/find" className="button primary">
              {words.friends.find}
            </Link>
          </Empty>
        }
      />
    </FriendsFrame>
  );
}
