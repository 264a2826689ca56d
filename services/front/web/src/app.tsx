/** Which screen is shown: by who is signed in and by the path. */
import { useEffect } from 'react';
import { screenAt } from '../../src/domain/screens.ts';
import type { Screen as ScreenOf } from '../../src/domain/screens.ts';
import { SignInScreen, to } from './account/sign-in-screen.tsx';
import { SignUpScreen } from './account/sign-up-screen.tsx';
import { explain } from './api/explain.ts';
import type { PageConfig } from './config.ts';
import { Link } from './controls/link.tsx';
import { FeedProvider } from './feed/feed-provider.tsx';
import { FeedScreen } from './feed/feed-screen.tsx';
import { FindScreen } from './friends/find-screen.tsx';
import { FriendsScreen } from './friends/friends-screen.tsx';
import { RequestsProvider } from './friends/requests-provider.tsx';
import { RequestsScreen } from './friends/requests-screen.tsx';
import { Empty } from './lists/states.tsx';
import { forgetLists } from './lists/use-pages.ts';
import { MeScreen } from './me/me-screen.tsx';
import { PersonScreen } from './people/person-screen.tsx';
import { MyPostsScreen } from './posts/my-posts-screen.tsx';
import { PostScreen } from './posts/post-screen.tsx';
import { clearShelf } from './posts/shelf.ts';
import { forgetDrafts } from './posts/write-box.tsx';
import { Logo } from './shell/icons.tsx';
import { Notices } from './shell/notices.tsx';
import { Screen } from './shell/screen.tsx';
import { Shell } from './shell/shell.tsx';
import { go, usePlace } from './state/navigation.ts';
import { useWords } from './state/preferences.ts';
import { useSession } from './state/session.tsx';

export function App({ config }: { readonly config: PageConfig }) {
  const { state, retry } = useSession();
  return (
    <>
      {state.phase === 'starting' ? <Starting /> : null}
      {state.phase === 'unreachable' ? <Unreachable error={state.error} onRetry={retry} /> : null}
      {state.phase === 'signed-out' ? <SignedOut because={state.because} /> : null}
      {state.phase === 'signed-in' ? <SignedIn key={state.user.id} config={config} /> : null}
      <Notices />
    </>
  );
}

function SignedOut({ because }: { readonly because: Parameters<typeof SignInScreen>[0]['because'] }) {
  const { path, search } = usePlace();
  const name = screenAt(path)?.name;
  const elsewhere = name !== 'sign-in' && name !== 'sign-up';
  useEffect(() => {
    forgetLists();
    forgetDrafts();
    clearShelf();
  }, []);
  useEffect(() => {
    if (elsewhere) go(`/sign-in${path === '/' ? '' : to(path + search)}`, { replace: true });
  }, [elsewhere, path, search]);
  if (elsewhere) return <Starting />;
  return name === 'sign-up' ? <SignUpScreen /> : <SignInScreen because={because} />;
}

function SignedIn({ config }: { readonly config: PageConfig }) {
  const { path } = usePlace();
  const screen = screenAt(path);
  const account = screen?.name === 'sign-in' || screen?.name === 'sign-up';
  useEffect(() => {
    if (account) go('/', { replace: true });
  }, [account]);
  return (
    <FeedProvider>
      <RequestsProvider>
        <Shell deployment={config.deployment}>
          {account ? null : <ScreenShown screen={screen} deployment={config.deployment} />}
        </Shell>
      </RequestsProvider>
    </FeedProvider>
  );
}

function ScreenShown({ screen, deployment }: { readonly screen: ScreenOf | null; readonly deployment: string }) {
  const words = useWords();
  switch (screen?.name) {
    case 'feed':
      return <FeedScreen />;
    case 'posts':
      return <MyPostsScreen />;
    case 'post':
      return <PostScreen key={screen.id} id={screen.id} />;
    case 'friends':
      return <FriendsScreen />;
    case 'requests':
      return <RequestsScreen />;
    case 'find':
      return <FindScreen />;
    case 'person':
      return <PersonScreen key={screen.handle} handle={screen.handle} />;
    case 'me':
      return <MeScreen deployment={deployment} />;
    default:
      return (
        <Screen title={words.trouble.notFoundTitle}>
          <Empty title={words.trouble.notFoundTitle} text={words.trouble.notFound}>
            <Link to="/" className="button primary">
              {words.post.backToFeed}
            </Link>
          </Empty>
        </Screen>
      );
  }
}

function Starting() {
  const words = useWords();
  return (
    <div className="boot" aria-live="polite">
      <Logo size={56} />
      <span className="unseen">{words.loading}</span>
    </div>
  );
}

function Unreachable({ error, onRetry }: { readonly error: unknown; readonly onRetry: () => void }) {
  const words = useWords();
  return (
    <main className="lost" role="alert">
      <Logo size={56} />
      <h1>{words.trouble.startTitle}</h1>
      <p>{explain(error, words)}</p>
      <button type="button" className="primary" onClick={onRetry}>
        {words.tryAgain}
      </button>
    </main>
  );
}
