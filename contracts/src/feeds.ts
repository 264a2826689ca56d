/** The Feeds service's public interface: posts, comments, likes and home feeds. */
import { z } from 'zod';
import type { Operations } from './operation.ts';
import { id, idParams, pageOf, pageQuery, timestamp } from './page.ts';
import { handle, person } from './users.ts';

export const TEXT_MAX = 500;
/** Counted in code points, after Unicode normalisation (NFC); line breaks are kept, other control characters refused. */
const written = z
  .string()
  .max(TEXT_MAX * 4)
  .refine((text) => text.isWellFormed(), 'must be well-formed Unicode')
  .transform((text) => text.normalize('NFC'))
  // eslint-disable-next-line no-control-regex
  .refine((text) => !/[\u0000-\u0008\u000b-\u001f\u007f]/.test(text), 'must not contain control characters')
  .refine((text) => text.trim().length > 0, 'must not be blank')
  .refine((text) => Array.from(text).length <= TEXT_MAX, `must have at most ${TEXT_MAX} characters`);

export const writeText = z.strictObject({ text: written });

/** People mentioned as @handle that were resolved, so that a client can link them. */
export const post = z
  .object({
    id,
    author: person,
    text: z.string(),
    mentions: z.array(person),
    likes: z.int(),
    liked: z.boolean(),
    comments: z.int(),
    createdAt: timestamp,
    editedAt: timestamp.nullable(),
  })
  .meta({ id: 'Post' });
export type Post = z.infer<typeof post>;

export const comment = z.object({ id, author: person, text: z.string(), createdAt: timestamp }).meta({ id: 'Comment' });
export type Comment = z.infer<typeof comment>;

export const authorQuery = pageQuery.extend({ author: handle });

export const feedsOperations = {
  writePost: {
    method: 'POST',
    path: '/api/posts',
    summary: 'Write a post',
    access: 'identity',
    body: writeText,
    answer: { status: 201, schema: post },
    errors: ['FEEDS_ACCOUNT_GONE'],
  },
  listPosts: {
    method: 'GET',
    path: '/api/posts',
    summary: "An author's posts, newest first; an author whom you may not see has none",
    access: 'identity',
    query: authorQuery,
    answer: { status: 200, schema: pageOf(post) },
    errors: [],
  },
  readPost: {
    method: 'GET',
    path: '/api/posts/{id}',
    summary: 'One post',
    access: 'identity',
    params: idParams,
    answer: { status: 200, schema: post },
    errors: ['FEEDS_POST_UNKNOWN'],
  },
  editPost: {
    method: 'PATCH',
    path: '/api/posts/{id}',
    summary: 'Change your post',
    access: 'identity',
    params: idParams,
    body: writeText,
    answer: { status: 200, schema: post },
    errors: ['FEEDS_POST_UNKNOWN', 'FEEDS_NOT_YOURS'],
  },
  deletePost: {
    method: 'DELETE',
    path: '/api/posts/{id}',
    summary: 'Delete your post',
    access: 'identity',
    params: idParams,
    answer: { status: 204 },
    errors: ['FEEDS_POST_UNKNOWN', 'FEEDS_NOT_YOURS'],
  },
  like: {
    method: 'PUT',
    path: '/api/posts/{id}/like',
    summary: 'Like; again changes nothing',
    access: 'identity',
    params: idParams,
    answer: { status: 204 },
    errors: ['FEEDS_POST_UNKNOWN'],
  },
  unlike: {
    method: 'DELETE',
    path: '/api/posts/{id}/like',
    summary: 'Take a like back',
    access: 'identity',
    params: idParams,
    answer: { status: 204 },
    errors: ['FEEDS_POST_UNKNOWN'],
  },
  listComments: {
    method: 'GET',
    path: '/api/posts/{id}/comments',
    summary: 'Comments, oldest first',
    access: 'identity',
    params: idParams,
    query: pageQuery,
    answer: { status: 200, schema: pageOf(comment) },
    errors: ['FEEDS_POST_UNKNOWN'],
  },
  writeComment: {
    method: 'POST',
    path: '/api/posts/{id}/comments',
    summary: 'Comment',
    access: 'identity',
    params: idParams,
    body: writeText,
    answer: { status: 201, schema: comment },
    errors: ['FEEDS_POST_UNKNOWN'],
  },
  deleteComment: {
    method: 'DELETE',
    path: '/api/posts/{id}/comments/{commentId}',
    summary: 'Delete a comment: its author, or the author of the post',
    access: 'identity',
    params: idParams.extend({ commentId: id }),
    answer: { status: 204 },
    errors: ['FEEDS_POST_UNKNOWN', 'FEEDS_COMMENT_UNKNOWN', 'FEEDS_NOT_YOURS'],
  },
  readFeed: {
    method: 'GET',
    path: '/api/feed',
    summary: "Your own and your friends' posts, newest first",
    access: 'identity',
    query: pageQuery,
    answer: { status: 200, schema: pageOf(post) },
    errors: [],
  },
  streamFeed: {
    method: 'GET',
    path: '/api/feed/stream',
    summary:
      'Server-sent events: `event: post` with the whole post as it enters your feed; `Last-Event-ID` resumes, a post may then come twice',
    access: 'identity',
    answer: { status: 200, mediaType: 'text/event-stream' },
    errors: ['REQUEST_CURSOR_INVALID', 'FEEDS_TOO_MANY_STREAMS'],
  },
} as const satisfies Operations;
