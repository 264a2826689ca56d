/** One post with its comments. */
import { ApiError } from '../api/call.ts';
import { posts as calls } from '../api/calls.ts';
import { Link } from '../controls/link.tsx';
import { useLoaded } from '../lists/use-loaded.ts';
import { Empty, Failed, Skeleton } from '../lists/states.tsx';
import { Icon } from '../shell/icons.tsx';
import { Screen } from '../shell/screen.tsx';
import { go } from '../state/navigation.ts';
import { useWords } from '../state/preferences.ts';
import { Comments } from './comments.tsx';
import { PostCard } from './post-card.tsx';
import { shelve, takeOff, usePost } from './shelf.ts';

export function PostScreen({ id }: { readonly id: string }) {
  const words = useWords();
  const post = usePost(id);
  const loaded = useLoaded(async (signal) => {
    try {
      shelve([await calls.read(id, signal)]);
      return 'there' as const;
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) throw error;
      takeOff([id]);
      return 'unknown' as const;
    }
  });
  const back = (
    <Link to="/" className="button quiet back">
      <Icon name="back" />
      {words.post.backToFeed}
    </Link>
  );
  return (
    <Screen title={words.post.title} actions={back}>
      {post !== undefined ? (
        <>
          <PostCard id={id} alone onDeleted={() => go('/', { replace: true })} />
          <Comments post={post} />
        </>
      ) : loaded.value !== null ? (
        <Empty title={words.post.unknownTitle} text={words.post.unknown} />
      ) : loaded.error === null ? (
        <Skeleton kind="posts" count={1} />
      ) : (
        <Failed error={loaded.error} title={words.feed.unavailableTitle} onRetry={loaded.retry} busy={loaded.loading} />
      )}
    </Screen>
  );
}
