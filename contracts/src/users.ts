/** The Users service's public interface: accounts, people, friends and blocks. */
import { z } from 'zod';
import type { Operations } from './operation.ts';
import { id, idParams, pageOf, pageQuery, timestamp } from './page.ts';

export const handle = z.string().regex(/^[a-z0-9_]{3,30}$/, 'must be 3 to 30 of a-z, 0-9 and _');
/** Half of a surrogate pair is no character: a database would store something else in its place. */
const WELL_FORMED = 'must be well-formed Unicode';
/** Controls (C0, DEL, C1), line and paragraph separators, and the marks that turn the direction of the text around them. */
// eslint-disable-next-line no-control-regex
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/;
/** The same without tab and line breaks. */
// eslint-disable-next-line no-control-regex
const UNPRINTABLE_IN_LINES = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;
/** A letter, digit, punctuation or symbol that leaves a mark on the screen (fillers and the empty Braille cell do not). */
const VISIBLE = /(?![\u115f\u1160\u3164\uffa0\u2800])[\p{L}\p{N}\p{P}\p{S}]/u;

/** One line of plain text with something visible in it. */
export const displayName = z
  .string()
  .min(1)
  .max(60)
  .refine((text) => text.isWellFormed(), WELL_FORMED)
  .refine((text) => !UNPRINTABLE.test(text), 'must not contain control characters')
  .refine((text) => VISIBLE.test(text), 'must not be blank');
export const email = z.email().max(254);
export const password = z
  .string()
  .min(12, 'must have at least 12 characters')
  .max(128, 'must have at most 128 characters')
  .refine((text) => text.isWellFormed(), WELL_FORMED)
  .refine((text) => !text.includes('\u0000'), 'must not contain NUL');
/** Plain text, line breaks kept. */
export const bio = z
  .string()
  .max(300)
  .refine((text) => text.isWellFormed(), WELL_FORMED)
  .refine((text) => !UNPRINTABLE_IN_LINES.test(text), 'must not contain control characters');

/** What you are to a person; `self` for yourself. Blocked people are not shown at all. */
export const friendship = z.enum(['none', 'friends', 'incoming', 'outgoing', 'self']);
export const user = z
  .object({
    id,
    handle: z.string(),
    name: z.string(),
    bio: z.string(),
    createdAt: timestamp,
    friendship,
  })
  .meta({ id: 'User' });
export type User = z.infer<typeof user>;
/** `GET /api/users/me` also says what nobody else may see. */
export const ownUser = user.extend({ email: z.string() }).meta({ id: 'OwnUser' });
export type OwnUser = z.infer<typeof ownUser>;

/** A person, short, as part of other things. */
export const person = z.object({ id, handle: z.string(), name: z.string() }).meta({ id: 'Person' });
export type Person = z.infer<typeof person>;

export const createUser = z.strictObject({ handle, name: displayName, email, password });
export const updateUser = z
  .strictObject({ name: displayName.optional(), bio: bio.optional(), handle: handle.optional() })
  .refine((changes) => Object.keys(changes).length > 0, 'must change something');
export const changePassword = z.strictObject({
  current: z.string().min(1).max(128),
  next: password,
});
export const deleteUser = z.strictObject({ password: z.string().min(1).max(128) });

export const friendRequest = z
  .object({ id, from: person, to: person, createdAt: timestamp })
  .meta({ id: 'FriendRequest' });
export type FriendRequest = z.infer<typeof friendRequest>;
/** Answer to asking: `friends` when the request crossed one from the other side. */
export const askedFriend = z.object({
  status: z.enum(['requested', 'friends']),
  id,
  from: person,
  to: person,
  createdAt: timestamp,
});
export const askFriend = z.strictObject({ handle });
export const suggestion = z.object({ ...user.shape, commonFriends: z.int() }).meta({ id: 'Suggestion' });
export type Suggestion = z.infer<typeof suggestion>;

export const handleParams = z.strictObject({ handle });
export const userSearch = pageQuery.extend({
  query: z
    .string()
    .trim()
    .max(60)
    .refine((text) => text.isWellFormed(), WELL_FORMED)
    .refine((text) => !UNPRINTABLE.test(text), 'must not contain control characters')
    .default('')
    .describe('Beginnings of words of the handle or the name; empty: everybody, by handle'),
});
export const requestsQuery = pageQuery.extend({
  direction: z.enum(['incoming', 'outgoing']).default('incoming'),
});
export const FRIENDS_MAX = 5_000;
/** Requests of one person that nobody has answered yet. */
export const OPEN_REQUESTS_MAX = 5_000;

export const usersOperations = {
  createUser: {
    method: 'POST',
    path: '/api/users',
    summary: 'Sign up',
    access: 'public',
    body: createUser,
    answer: { status: 201, schema: ownUser },
    errors: ['USERS_HANDLE_TAKEN', 'USERS_EMAIL_TAKEN', 'USERS_HANDLE_RESERVED', 'USERS_BUSY'],
  },
  searchUsers: {
    method: 'GET',
    path: '/api/users',
    summary: 'Find people by handle or name',
    access: 'identity',
    query: userSearch,
    answer: { status: 200, schema: pageOf(user) },
    errors: [],
  },
  readMe: {
    method: 'GET',
    path: '/api/users/me',
    summary: 'Yourself',
    access: 'identity',
    answer: { status: 200, schema: ownUser },
    errors: [],
  },
  updateMe: {
    method: 'PATCH',
    path: '/api/users/me',
    summary: 'Change your name, bio or handle',
    access: 'identity',
    body: updateUser,
    answer: { status: 200, schema: ownUser },
    errors: ['USERS_HANDLE_TAKEN', 'USERS_HANDLE_RESERVED'],
  },
  deleteMe: {
    method: 'DELETE',
    path: '/api/users/me',
    summary: 'Delete your account, everywhere',
    access: 'identity',
    body: deleteUser,
    answer: { status: 204 },
    errors: ['USERS_PASSWORD_WRONG', 'USERS_BUSY'],
  },
  changePassword: {
    method: 'PUT',
    path: '/api/users/me/password',
    summary: 'Change your password; your other sessions end',
    access: 'identity',
    body: changePassword,
    answer: { status: 204 },
    errors: ['USERS_PASSWORD_WRONG', 'USERS_BUSY'],
  },
  readUser: {
    method: 'GET',
    path: '/api/users/{handle}',
    summary: 'One person',
    access: 'identity',
    params: handleParams,
    answer: { status: 200, schema: user },
    errors: ['USERS_USER_UNKNOWN'],
  },
  block: {
    method: 'PUT',
    path: '/api/users/{handle}/block',
    summary: 'Block: ends the friendship, hides both from each other',
    access: 'identity',
    params: handleParams,
    answer: { status: 204 },
    errors: ['USERS_USER_UNKNOWN', 'USERS_SELF'],
  },
  unblock: {
    method: 'DELETE',
    path: '/api/users/{handle}/block',
    summary: 'Take a block back',
    access: 'identity',
    params: handleParams,
    answer: { status: 204 },
    errors: ['USERS_USER_UNKNOWN'],
  },
  listBlocks: {
    method: 'GET',
    path: '/api/users/me/blocks',
    summary: 'Whom you have blocked',
    access: 'identity',
    query: pageQuery,
    answer: { status: 200, schema: pageOf(person) },
    errors: [],
  },
  listFriends: {
    method: 'GET',
    path: '/api/friends',
    summary: 'Your friends, by handle',
    access: 'identity',
    query: pageQuery,
    answer: { status: 200, schema: pageOf(user) },
    errors: [],
  },
  endFriendship: {
    method: 'DELETE',
    path: '/api/friends/{handle}',
    summary: 'End a friendship',
    access: 'identity',
    params: handleParams,
    answer: { status: 204 },
    errors: ['USERS_NOT_FRIENDS'],
  },
  suggestFriends: {
    method: 'GET',
    path: '/api/friends/suggestions',
    summary: 'Friends of friends, most in common first',
    access: 'identity',
    query: pageQuery,
    answer: { status: 200, schema: pageOf(suggestion) },
    errors: [],
  },
  askFriend: {
    method: 'POST',
    path: '/api/friends/requests',
    summary: 'Ask for friendship; a crossing request makes friends at once',
    access: 'identity',
    body: askFriend,
    answer: { status: 201, schema: askedFriend },
    errors: [
      'USERS_USER_UNKNOWN',
      'USERS_SELF',
      'USERS_ALREADY_FRIENDS',
      'USERS_ALREADY_REQUESTED',
      'USERS_TOO_MANY_FRIENDS',
      'USERS_TOO_MANY_REQUESTS',
    ],
  },
  listRequests: {
    method: 'GET',
    path: '/api/friends/requests',
    summary: 'Open requests to you, or from you',
    access: 'identity',
    query: requestsQuery,
    answer: { status: 200, schema: pageOf(friendRequest) },
    errors: [],
  },
  acceptRequest: {
    method: 'POST',
    path: '/api/friends/requests/{id}/accept',
    summary: 'Become friends',
    access: 'identity',
    params: idParams,
    answer: { status: 200, schema: user },
    errors: ['USERS_REQUEST_UNKNOWN', 'USERS_TOO_MANY_FRIENDS'],
  },
  dropRequest: {
    method: 'DELETE',
    path: '/api/friends/requests/{id}',
    summary: 'Decline (silently) or take back',
    access: 'identity',
    params: idParams,
    answer: { status: 204 },
    errors: ['USERS_REQUEST_UNKNOWN'],
  },
} as const satisfies Operations;

/** Request-response pattern `users.resolve-handles` (TCP by default): which of these handles are people whom `viewerId` may see. */
export const RESOLVE_HANDLES = 'users.resolve-handles';
export const resolveHandles = z.strictObject({ viewerId: id, handles: z.array(handle).max(50) });
export const resolvedHandles = z.object({ people: z.array(person) });
export type ResolveHandles = z.infer<typeof resolveHandles>;
export type ResolvedHandles = z.infer<typeof resolvedHandles>;
