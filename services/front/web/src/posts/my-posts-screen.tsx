/** One's own posts: write, edit, delete. */
import { Empty } from '../lists/states.tsx';
import { Screen } from '../shell/screen.tsx';
import { useWords } from '../state/preferences.ts';
import { useMe } from '../state/session.tsx';
import { AuthorsPosts, useAuthorsPosts } from './authors-posts.tsx';
import { Composer } from './composer.tsx';

export function MyPostsScreen() {
  const words = useWords();
  const me = useMe();
  const pages = useAuthorsPosts(me.handle);
  return (
    <Screen title={words.post.mineTitle}>
      <Composer onWritten={(post) => pages.change((ids) => [post.id, ...ids])} />
      <AuthorsPosts
        pages={pages}
        label={words.post.mineTitle}
        empty={<Empty title={words.post.mineEmptyTitle} text={words.post.mineEmpty} />}
      />
    </Screen>
  );
}
