/** Events that Feeds publishes, for whoever wants to count, search or notify. Additive only. */
import { z } from 'zod';
import type { EventContracts } from './event.ts';
import { id, timestamp } from './page.ts';

export const feedsEvents = {
  postWritten: {
    type: 'feeds.post.written.v1',
    summary: 'A post was written',
    subject: 'post id',
    data: z.object({ postId: id, authorId: id, text: z.string(), createdAt: timestamp }),
  },
  postEdited: {
    type: 'feeds.post.edited.v1',
    summary: 'A post has a new text',
    subject: 'post id',
    data: z.object({ postId: id, authorId: id, text: z.string(), editedAt: timestamp }),
  },
  postDeleted: {
    type: 'feeds.post.deleted.v1',
    summary: 'A post is gone',
    subject: 'post id',
    data: z.object({ postId: id, authorId: id }),
  },
  postLiked: {
    type: 'feeds.post.liked.v1',
    summary: 'Somebody likes a post',
    subject: 'post id',
    data: z.object({ postId: id, userId: id }),
  },
  postUnliked: {
    type: 'feeds.post.unliked.v1',
    summary: 'A like was taken back',
    subject: 'post id',
    data: z.object({ postId: id, userId: id }),
  },
  commentWritten: {
    type: 'feeds.comment.written.v1',
    summary: 'A comment was written',
    subject: 'post id',
    data: z.object({
      postId: id,
      commentId: id,
      authorId: id,
      text: z.string(),
      createdAt: timestamp,
    }),
  },
  commentDeleted: {
    type: 'feeds.comment.deleted.v1',
    summary: 'A comment is gone',
    subject: 'post id',
    data: z.object({ postId: id, commentId: id }),
  },
} as const satisfies EventContracts;
