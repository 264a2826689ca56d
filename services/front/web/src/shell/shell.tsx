/** What stays around every screen: the way to all of them, at the side or at the bottom, and what concerns all of them. */
import type { MouseEvent, ReactNode } from 'react';
import { Avatar } from '../controls/avatar.tsx';
import { Link } from '../controls/link.tsx';
import { useFeed } from '../feed/feed-provider.tsx';
import { useRequests } from '../friends/requests-provider.tsx';
import { usePlace } from '../state/navigation.ts';
import { useWords } from '../state/preferences.ts';
import { useMe } from '../state/session.tsx';
import { screenAt } from '../../../src/domain/screens.ts';
import { Aside } from './aside.tsx';
import { Icon, Logo } from './icons.tsx';
import { ThemeSwitch } from './theme-switch.tsx';

export function Shell({ deployment, children }: { readonly deployment: string; readonly children: ReactNode }) {
  const words = useWords();
  const me = useMe();
  const { path } = usePlace();
  const withAside = ['feed', 'posts', 'post', 'person', 'friends', 'requests'].includes(screenAt(path)?.name ?? '');
  return (
    <>
      <a className="skip" href="#main" onClick={skip}>
        {words.skipToContent}
      </a>
      <div className="shell">
        <header className="shell-side">
          <Link to="/" className="wordmark" aria-label={words.appName}>
            <Logo />
            <span>{words.appName}</span>
          </Link>
          <MainNavigation />
          <div className="shell-foot">
            <Link to="/me" className="me-chip">
              <Avatar person={me} size="small" />
              <span className="me-text">
                <bdi className="name">{me.name}</bdi>
                <span className="handle">@{me.handle}</span>
              </span>
            </Link>
            <div className="shell-fine">
              <span className="fine muted" title={words.me.deployment(deployment)}>
                {deployment}
              </span>
              <ThemeSwitch />
            </div>
          </div>
        </header>
        <main id="main" className="shell-main">
          {children}
        </main>
        {withAside ? <Aside /> : null}
      </div>
    </>
  );
}

/** The address stays as it is: a place in the history for each skip would be in the way of going back. */
function skip(event: MouseEvent): void {
  event.preventDefault();
  document.querySelector<HTMLElement>('main h1')?.focus();
}

function MainNavigation() {
  const words = useWords();
  const { waiting } = useFeed();
  const { incoming } = useRequests();
  const { path } = usePlace();
  const atFriends = path.startsWith('/friends');
  return (
    <nav className="main-nav" aria-label={words.nav.main}>
      <Link to="/" marksPlace aria-label={waiting > 0 ? words.nav.feedWithNew : undefined}>
        <Icon name="feed" />
        <span>{words.nav.feed}</span>
        {waiting > 0 ? <span className="dot" /> : null}
      </Link>
      <Link to="/posts" marksPlace>
        <Icon name="posts" />
        <span>{words.nav.posts}</span>
      </Link>
      <Link
        to="/friends"
        marksPlace
        data-here={atFriends ? '' : undefined}
        aria-label={incoming > 0 ? words.nav.friendsWithRequests(incoming) : undefined}
      >
        <Icon name="friends" />
        <span>{words.nav.friends}</span>
        {incoming > 0 ? <span className="badge figures">{incoming > 99 ? '99+' : incoming}</span> : null}
      </Link>
      <Link to="/me" marksPlace>
        <Icon name="profile" />
        <span>{words.nav.profile}</span>
      </Link>
    </nav>
  );
}
