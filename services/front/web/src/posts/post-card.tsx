/** One post: who, when, what, its likes and comments; for its author also edit and delete. */
import { useId, useState } from 'react';
import { personPath, postPath } from '../../../src/domain/screens.ts';
import { ApiError } from '../api/call.ts';
import { posts as calls } from '../api/calls.ts';
import type { Post } from '../api/calls.ts';
import { explain } from '../api/explain.ts';
import { Avatar } from '../controls/avatar.tsx';
import { Confirm } from '../controls/confirm.tsx';
import { Link } from '../controls/link.tsx';
import { When } from '../controls/when.tsx';
import { useFeed } from '../feed/feed-provider.tsx';
import { Icon } from '../shell/icons.tsx';
import { useWords } from '../state/preferences.ts';
import { useMe } from '../state/session.tsx';
import { toast } from '../state/toasts.ts';
import { changePost, shelve, usePost } from './shelf.ts';
import { WriteBox } from './write-box.tsx';
import { Written } from './written.tsx';

interface PostCardProps {
  readonly id: string;
  /** On the post's own screen, where it is no link to itself. */
  readonly alone?: boolean;
  readonly onDeleted?: () => void;
}

export function PostCard({ id, alone = false, onDeleted }: PostCardProps) {
  const words = useWords();
  const me = useMe();
  const feed = useFeed();
  const post = usePost(id);
  const titleId = useId();
  const [doing, setDoing] = useState<'reading' | 'editing' | 'deleting'>('reading');
  if (post === undefined) return null;

  return (
    <article className={alone ? 'post alone' : 'post'} aria-labelledby={titleId}>
      <span id={titleId} className="unseen">
        {words.post.by(post.author.name)}
      </span>
      <Link to={personPath(post.author.handle)} className="station" tabIndex={-1} aria-hidden="true">
        <Avatar person={post.author} />
      </Link>
      <div className="post-body">
        <PostHead post={post} alone={alone} />
        {doing === 'editing' ? (
          <WriteBox
            label={words.post.editLabel}
            placeholder={words.composer.placeholder}
            submit={words.save}
            submitting={words.saving}
            draftName={`edit ${id}`}
            initial={post.text}
            focusFirst
            onCancel={() => setDoing('reading')}
            onSubmit={async (text) => {
              shelve([await calls.edit(id, text)]);
              setDoing('reading');
              toast('done', words.saved);
            }}
          />
        ) : (
          <Written text={post.text} mentions={post.mentions} />
        )}
        <div className="post-foot">
          <LikeButton post={post} />
          <CommentsLink post={post} alone={alone} />
          {post.author.id === me.id && doing !== 'editing' ? (
            <span className="own-actions">
              <button type="button" className="quiet small" onClick={() => setDoing('editing')}>
                {words.post.edit}
              </button>
              <button type="button" className="quiet small" onClick={() => setDoing('deleting')}>
                {words.post.delete}
              </button>
            </span>
          ) : null}
        </div>
      </div>
      {doing === 'deleting' ? (
        <Confirm
          title={words.post.deleteTitle}
          body={words.post.deleteBody}
          confirm={words.post.deleteConfirm}
          onClose={() => setDoing('reading')}
          onConfirm={async () => {
            await deleted(id);
            toast('done', words.post.deleted);
            feed.removed(id);
            onDeleted?.();
          }}
        />
      ) : null}
    </article>
  );
}

function PostHead({ post, alone }: { readonly post: Post; readonly alone: boolean }) {
  const words = useWords();
  const when = (
    <>
      <When iso={post.createdAt} />
      {post.editedAt === null ? null : <span className="muted"> · {words.post.edited}</span>}
    </>
  );
  return (
    <header className="post-head">
      <Link to={personPath(post.author.handle)} className="who">
        <bdi className="name">{post.author.name}</bdi> <span className="handle">@{post.author.handle}</span>
      </Link>
      {alone ? (
        <span className="post-when">{when}</span>
      ) : (
        <Link to={postPath(post.id)} className="post-when">
          {when}
        </Link>
      )}
    </header>
  );
}

/** Shows the new state at once and takes it back if the service says no. */
function LikeButton({ post }: { readonly post: Post }) {
  const words = useWords();
  const [busy, setBusy] = useState(false);
  const toggle = async () => {
    if (busy) return;
    const liked = !post.liked;
    const by = liked ? 1 : -1;
    setBusy(true);
    changePost(post.id, (before) => ({ ...before, liked, likes: before.likes + by }));
    try {
      await calls.like(post.id, liked);
    } catch (error) {
      changePost(post.id, (before) => ({ ...before, liked: !liked, likes: before.likes - by }));
      toast('failed', explain(error, words));
    }
    setBusy(false);
  };
  return (
    <span className="like">
      <button
        type="button"
        className="quiet icon-button"
        aria-pressed={post.liked}
        aria-label={words.post.like}
        onClick={() => void toggle()}
      >
        <Icon name="like" filled={post.liked} />
      </button>
      <span className="figures" aria-hidden="true">
        {post.likes === 0 ? '' : post.likes}
      </span>
      <span className="unseen">{words.post.likes(post.likes)}</span>
    </span>
  );
}

function CommentsLink({ post, alone }: { readonly post: Post; readonly alone: boolean }) {
  const words = useWords();
  const shown = (
    <>
      <Icon name="comment" />
      <span className="figures" aria-hidden="true">
        {post.comments === 0 ? '' : post.comments}
      </span>
      <span className="unseen">{words.post.comments(post.comments)}</span>
    </>
  );
  return alone ? (
    <span className="comments-link">{shown}</span>
  ) : (
    <Link to={postPath(post.id)} className="comments-link">
      {shown}
    </Link>
  );
}

/** A post that is not there any more is as good as deleted. */
async function deleted(id: string): Promise<void> {
  try {
    await calls.delete(id);
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 404)) throw error;
  }
}
