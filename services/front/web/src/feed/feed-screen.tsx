/** The home feed: write, read, and see friends' posts arrive. */
import { Link } from '../controls/link.tsx';
import { Empty, Failed, More, Skeleton } from '../lists/states.tsx';
import { Composer } from '../posts/composer.tsx';
import { PostList } from '../posts/post-list.tsx';
import { Icon } from '../shell/icons.tsx';
import { Screen } from '../shell/screen.tsx';
import { useWords } from '../state/preferences.ts';
import { useFeed } from './feed-provider.tsx';

export function FeedScreen() {
  const words = useWords();
  return (
    <Screen title={words.feed.title}>
      <Composer />
      <NewPosts />
      <FeedPosts />
    </Screen>
  );
}

/** Says what arrived: read aloud when it was shown at once, a button when it waits above. */
function NewPosts() {
  const words = useWords();
  const feed = useFeed();
  const show = () => {
    feed.showWaiting();
    const calm = window.matchMedia('(prefers-reduced-motion: reduce)').matches;
    window.scrollTo({ top: 0, behavior: calm ? 'auto' : 'smooth' });
    document.querySelector<HTMLElement>('h1')?.focus({ preventScroll: true });
  };
  return (
    <div className="new-posts" aria-live="polite">
      {feed.waiting > 0 ? (
        <button type="button" className="pill" onClick={show}>
          <Icon name="up" />
          {words.feed.newPosts(feed.waiting)}
        </button>
      ) : feed.lastArrived === null ? null : (
        <span className="unseen">{words.feed.arrivedFrom(feed.lastArrived.author.name)}</span>
      )}
    </div>
  );
}

function FeedPosts() {
  const words = useWords();
  const { line, error, loading, more, retry } = useFeed();
  if (line === null) {
    return error === null ? (
      <Skeleton kind="posts" />
    ) : (
      <Failed
        error={error}
        title={words.feed.unavailableTitle}
        text={words.feed.unavailable}
        onRetry={retry}
        busy={loading}
      />
    );
  }
  if (line.shown.length === 0) {
    return (
      <Empty title={words.feed.emptyTitle} text={words.feed.empty}>
        <Link to="/friends/find" className="button primary">
          {words.feed.findFriends}
        </Link>
      </Empty>
    );
  }
  return (
    <>
      <PostList ids={line.shown} label={words.feed.title} />
      <More
        hasMore={line.nextCursor !== null}
        loading={loading}
        error={error}
        onMore={more}
        onRetry={retry}
        saysEnd={line.shown.length > 8}
      />
    </>
  );
}
