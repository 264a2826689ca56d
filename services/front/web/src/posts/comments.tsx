/** The comments of a post, oldest first, on a siding of their own; one's own, and all under one's own post, can be deleted. */
import { useState } from 'react';
import { personPath } from '../../../src/domain/screens.ts';
import { posts as calls } from '../api/calls.ts';
import type { Comment, Post } from '../api/calls.ts';
import { Avatar } from '../controls/avatar.tsx';
import { Confirm } from '../controls/confirm.tsx';
import { Link } from '../controls/link.tsx';
import { When } from '../controls/when.tsx';
import { Failed, More, Skeleton } from '../lists/states.tsx';
import { usePages } from '../lists/use-pages.ts';
import { useWords } from '../state/preferences.ts';
import { useMe } from '../state/session.tsx';
import { toast } from '../state/toasts.ts';
import { changePost } from './shelf.ts';
import { WriteBox } from './write-box.tsx';
import { Written } from './written.tsx';

export function Comments({ post }: { readonly post: Post }) {
  const words = useWords();
  const me = useMe();
  const pages = usePages(`comments of ${post.id}`, (next) => calls.comments(post.id, next));
  const [written, setWritten] = useState<readonly Comment[]>([]);
  const [deleting, setDeleting] = useState<Comment | null>(null);

  const read = new Set(pages.items?.map((comment) => comment.id));
  const shown = [...(pages.items ?? []), ...written.filter((comment) => !read.has(comment.id))];
  const without = (id: string) => (items: readonly Comment[]) => items.filter((comment) => comment.id !== id);

  return (
    <section className="comments" aria-labelledby="comments-title">
      <h2 id="comments-title">{words.comments.title}</h2>
      {pages.items === null ? (
        pages.error === null ? (
          <Skeleton kind="people" count={2} />
        ) : (
          <Failed error={pages.error} onRetry={pages.retry} busy={pages.loading} />
        )
      ) : (
        <>
          {shown.length === 0 ? <p className="muted">{words.comments.empty}</p> : null}
          <ul className="comment-list">
            {shown.map((comment) => (
              <CommentItem
                key={comment.id}
                comment={comment}
                onDelete={comment.author.id === me.id || post.author.id === me.id ? () => setDeleting(comment) : null}
              />
            ))}
          </ul>
          <More {...pages} onMore={pages.more} onRetry={pages.retry} />
        </>
      )}
      <WriteBox
        compact
        label={words.comments.label}
        placeholder={words.comments.placeholder}
        submit={words.comments.submit}
        submitting={words.comments.submitting}
        draftName={`comment ${post.id}`}
        leading={<Avatar person={me} size="small" />}
        onSubmit={async (text) => {
          const comment = await calls.comment(post.id, text);
          setWritten((before) => [...before, comment]);
          changePost(post.id, (before) => ({ ...before, comments: before.comments + 1 }));
        }}
      />
      {deleting === null ? null : (
        <Confirm
          title={words.comments.deleteTitle}
          body={words.comments.deleteBody}
          confirm={words.comments.delete}
          onClose={() => setDeleting(null)}
          onConfirm={async () => {
            await calls.deleteComment(post.id, deleting.id);
            pages.change(without(deleting.id));
            setWritten(without(deleting.id));
            changePost(post.id, (before) => ({ ...before, comments: Math.max(0, before.comments - 1) }));
            toast('done', words.comments.deleted);
          }}
        />
      )}
    </section>
  );
}

function CommentItem({ comment, onDelete }: { readonly comment: Comment; readonly onDelete: (() => void) | null }) {
  const words = useWords();
  return (
    <li className="comment">
      <Link to={personPath(comment.author.handle)} tabIndex={-1} aria-hidden="true">
        <Avatar person={comment.author} size="small" />
      </Link>
      <div className="comment-body">
        <p className="comment-head">
          <Link to={personPath(comment.author.handle)} className="who">
            <bdi className="name">{comment.author.name}</bdi> <span className="handle">@{comment.author.handle}</span>
          </Link>
          <span className="comment-when">
            <span className="post-when">
              <When iso={comment.createdAt} />
            </span>
            {onDelete === null ? null : (
              <button type="button" className="quiet small" aria-label={words.comments.delete} onClick={onDelete}>
                {words.post.delete}
              </button>
            )}
          </span>
        </p>
        <Written text={comment.text} />
      </div>
    </li>
  );
}
