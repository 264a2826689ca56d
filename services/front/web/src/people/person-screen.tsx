/** A person's profile: who they are, what you are to each other, and their posts if you are friends. */
import { useState } from 'react';
import { monthOf } from '../../../src/domain/when.ts';
import { ApiError } from '../api/call.ts';
import { users as calls } from '../api/calls.ts';
import type { User } from '../api/calls.ts';
import { Avatar } from '../controls/avatar.tsx';
import { Confirm } from '../controls/confirm.tsx';
import { Link } from '../controls/link.tsx';
import { useFeed } from '../feed/feed-provider.tsx';
import { Empty, Failed, Skeleton } from '../lists/states.tsx';
import { useLoaded } from '../lists/use-loaded.ts';
import { AuthorsPosts, useAuthorsPosts } from '../posts/authors-posts.tsx';
import { Icon } from '../shell/icons.tsx';
import { Screen } from '../shell/screen.tsx';
import { go } from '../state/navigation.ts';
import { useLanguage, useWords } from '../state/preferences.ts';
import { toast } from '../state/toasts.ts';
import { RelationButtons } from './relation-buttons.tsx';

export function PersonScreen({ handle }: { readonly handle: string }) {
  const words = useWords();
  const loaded = useLoaded(async (signal) => {
    try {
      return await calls.read(handle, signal);
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return 'unknown' as const;
      throw error;
    }
  });
  const { value } = loaded;
  return (
    <Screen title={words.person.title}>
      {value === 'unknown' ? (
        <Empty title={words.person.unknownTitle} text={words.person.unknown}>
          <Link to="/friends/find" className="button primary">
            {words.friends.find}
          </Link>
        </Empty>
      ) : value !== null ? (
        <Profile user={value} onChange={(friendship) => loaded.set({ ...value, friendship })} />
      ) : loaded.error === null ? (
        <Skeleton kind="people" count={1} />
      ) : (
        <Failed error={loaded.error} onRetry={loaded.retry} busy={loaded.loading} />
      )}
    </Screen>
  );
}

function Profile({
  user,
  onChange,
}: {
  readonly user: User;
  readonly onChange: (friendship: User['friendship']) => void;
}) {
  const words = useWords();
  const language = useLanguage();
  const self = user.friendship === 'self';
  return (
    <>
      <section className="profile" aria-label={user.name}>
        <Avatar person={user} size="large" />
        <div className="profile-text">
          <h2>
            <bdi>{user.name}</bdi>
          </h2>
          <p className="handle">@{user.handle}</p>
          {user.bio === '' ? null : (
            <p className="written bio" dir="auto">
              {user.bio}
            </p>
          )}
          <p className="fine muted">{words.person.since(monthOf(user.createdAt, language))}</p>
          <div className="actions">
            {self ? (
              <Link to="/me" className="button">
                {words.person.toMe}
              </Link>
            ) : (
              <>
                <RelationButtons person={user} friendship={user.friendship} onChange={onChange} canEnd />
                <BlockButton user={user} />
              </>
            )}
          </div>
        </div>
      </section>
      {self || user.friendship === 'friends' ? (
        <TheirPosts user={user} />
      ) : (
        <div className="locked">
          <Icon name="lock" />
          <h2>{words.person.lockedTitle}</h2>
          <p>{words.person.locked(user.name)}</p>
        </div>
      )}
    </>
  );
}

function TheirPosts({ user }: { readonly user: User }) {
  const words = useWords();
  const pages = useAuthorsPosts(user.handle);
  return (
    <>
      <h2 className="section-title">{words.person.posts}</h2>
      <AuthorsPosts
        pages={pages}
        label={words.person.posts}
        empty={<Empty title={words.person.noPostsTitle} text={words.person.noPosts(user.name)} />}
      />
    </>
  );
}

function BlockButton({ user }: { readonly user: User }) {
  const words = useWords();
  const feed = useFeed();
  const [asking, setAsking] = useState(false);
  return (
    <>
      <button type="button" className="quiet" onClick={() => setAsking(true)}>
        {words.relation.block}
      </button>
      {asking ? (
        <Confirm
          title={words.relation.blockTitle(user.name)}
          body={words.relation.blockBody}
          confirm={words.relation.block}
          onClose={() => setAsking(false)}
          onConfirm={async () => {
            await calls.block(user.handle);
            feed.parted(user.handle);
            toast('done', words.relation.blocked(user.name));
            go('/friends', { replace: true });
          }}
        />
      ) : null}
    </>
  );
}
