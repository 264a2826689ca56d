/** The calls that the screens make, by name. */
import type { Comment, Post } from '@switchyard/contracts/feeds';
import type { Page } from '@switchyard/contracts/page';
import type { SessionUser, SignIn } from '@switchyard/contracts/session';
import type { FriendRequest, OwnUser, Person, Suggestion, User } from '@switchyard/contracts/users';
import { call } from './call.ts';

export type { Comment, Post } from '@switchyard/contracts/feeds';
export type { Page } from '@switchyard/contracts/page';
export type { SessionUser } from '@switchyard/contracts/session';
export type { FriendRequest, OwnUser, Person, Suggestion, User } from '@switchyard/contracts/users';

export interface Next {
  readonly cursor?: string | undefined;
  readonly limit?: number;
  readonly signal?: AbortSignal | undefined;
}
const paged = (next: Next, more: Readonly<Record<string, string>> = {}) => ({
  query: { ...more, cursor: next.cursor, limit: next.limit === undefined ? undefined : String(next.limit) },
  signal: next.signal,
});
const at = encodeURIComponent;

export const session = {
  read: () => call<{ user: SessionUser }>('GET', '/api/session', { sessionCall: true }),
  signIn: (body: SignIn) => call<{ user: SessionUser }>('POST', '/api/session', { body, sessionCall: true }),
  /** A new access token, which says name and handle as they are now. */
  refresh: () => call<{ user: SessionUser }>('POST', '/api/session/refresh', { sessionCall: true }),
  signOut: () => call<void>('DELETE', '/api/session', { sessionCall: true }),
  signOutEverywhere: () => call<void>('DELETE', '/api/sessions', { sessionCall: true }),
};

export const users = {
  create: (body: { handle: string; name: string; email: string; password: string }) =>
    call<OwnUser>('POST', '/api/users', { body, sessionCall: true }),
  search: (query: string, next: Next) => call<Page<User>>('GET', '/api/users', paged(next, { query })),
  me: (signal?: AbortSignal) => call<OwnUser>('GET', '/api/users/me', { signal }),
  update: (body: { name?: string; bio?: string; handle?: string }) => call<OwnUser>('PATCH', '/api/users/me', { body }),
  changePassword: (body: { current: string; next: string }) => call<void>('PUT', '/api/users/me/password', { body }),
  deleteMe: (password: string) => call<void>('DELETE', '/api/users/me', { body: { password } }),
  read: (handle: string, signal?: AbortSignal) => call<User>('GET', `/api/users/${at(handle)}`, { signal }),
  block: (handle: string) => call<void>('PUT', `/api/users/${at(handle)}/block`),
  unblock: (handle: string) => call<void>('DELETE', `/api/users/${at(handle)}/block`),
  blocked: (next: Next) => call<Page<Person>>('GET', '/api/users/me/blocks', paged(next)),
};

export type Direction = 'incoming' | 'outgoing';
export const friends = {
  list: (next: Next) => call<Page<User>>('GET', '/api/friends', paged(next)),
  end: (handle: string) => call<void>('DELETE', `/api/friends/${at(handle)}`),
  suggestions: (next: Next) => call<Page<Suggestion>>('GET', '/api/friends/suggestions', paged(next)),
  requests: (direction: Direction, next: Next) =>
    call<Page<FriendRequest>>('GET', '/api/friends/requests', paged(next, { direction })),
  ask: (handle: string) =>
    call<FriendRequest & { status: 'requested' | 'friends' }>('POST', '/api/friends/requests', { body: { handle } }),
  accept: (id: string) => call<User>('POST', `/api/friends/requests/${at(id)}/accept`),
  drop: (id: string) => call<void>('DELETE', `/api/friends/requests/${at(id)}`),
};

export const posts = {
  feed: (next: Next) => call<Page<Post>>('GET', '/api/feed', paged(next)),
  by: (author: string, next: Next) => call<Page<Post>>('GET', '/api/posts', paged(next, { author })),
  read: (id: string, signal?: AbortSignal) => call<Post>('GET', `/api/posts/${at(id)}`, { signal }),
  write: (text: string) => call<Post>('POST', '/api/posts', { body: { text } }),
  edit: (id: string, text: string) => call<Post>('PATCH', `/api/posts/${at(id)}`, { body: { text } }),
  delete: (id: string) => call<void>('DELETE', `/api/posts/${at(id)}`),
  like: (id: string, liked: boolean) => call<void>(liked ? 'PUT' : 'DELETE', `/api/posts/${at(id)}/like`),
  comments: (id: string, next: Next) => call<Page<Comment>>('GET', `/api/posts/${at(id)}/comments`, paged(next)),
  comment: (id: string, text: string) => call<Comment>('POST', `/api/posts/${at(id)}/comments`, { body: { text } }),
  deleteComment: (id: string, commentId: string) =>
    call<void>('DELETE', `/api/posts/${at(id)}/comments/${at(commentId)}`),
};
