/** Where a new post is written. */
import { posts as calls } from '../api/calls.ts';
import type { Post } from '../api/calls.ts';
import { Avatar } from '../controls/avatar.tsx';
import { useFeed } from '../feed/feed-provider.tsx';
import { useWords } from '../state/preferences.ts';
import { useMe } from '../state/session.tsx';
import { toast } from '../state/toasts.ts';
import { WriteBox } from './write-box.tsx';

export function Composer({ onWritten }: { readonly onWritten?: (post: Post) => void }) {
  const words = useWords();
  const me = useMe();
  const feed = useFeed();
  return (
    <WriteBox
      label={words.composer.label}
      placeholder={words.composer.placeholder}
      submit={words.composer.submit}
      submitting={words.composer.submitting}
      draftName="post"
      leading={<Avatar person={me} />}
      onSubmit={async (text) => {
        const post = await calls.write(text);
        feed.written(post);
        onWritten?.(post);
        toast('done', words.composer.posted);
      }}
    />
  );
}
