/** Signing in and out: what the gateway answers to browsers and programs, and what it asks of the service that knows the passwords. */
import { z } from 'zod';
import { identity } from './identity.ts';
import type { Operations } from './operation.ts';
import { id } from './page.ts';

export const signIn = z.strictObject({
  login: z.string().min(1).max(254).describe('Handle or email'),
  password: z.string().min(1).max(128),
});
export type SignIn = z.infer<typeof signIn>;

export const sessionUser = z.object({ id, handle: z.string(), name: z.string() });
export type SessionUser = z.infer<typeof sessionUser>;

export const signedIn = z.object({
  user: sessionUser,
  accessToken: z.string().describe('For programs: `Authorization: Bearer`; browsers use the HttpOnly cookies'),
  expiresIn: z.int().describe('Seconds until the access token lapses'),
});
export const currentSession = z.object({ user: sessionUser });

/** The gateway's own interface. */
export const sessionOperations = {
  signIn: {
    method: 'POST',
    path: '/api/session',
    summary: 'Sign in',
    access: 'public',
    body: signIn,
    answer: { status: 200, schema: signedIn },
    errors: [
      'GATEWAY_SIGN_IN_REFUSED',
      'GATEWAY_CROSS_SITE',
      'GATEWAY_TOO_MANY_SIGN_INS',
      'GATEWAY_SESSIONS_UNAVAILABLE',
    ],
  },
  readSession: {
    method: 'GET',
    path: '/api/session',
    summary: 'Who is signed in',
    access: 'identity',
    answer: { status: 200, schema: currentSession },
    errors: ['GATEWAY_NOT_SIGNED_IN', 'GATEWAY_TOKEN_INVALID', 'GATEWAY_SESSIONS_UNAVAILABLE'],
  },
  refresh: {
    method: 'POST',
    path: '/api/session/refresh',
    summary: 'Rotate the refresh token and get a new access token; a replayed one ends the whole family',
    access: 'public',
    answer: { status: 200, schema: signedIn },
    errors: ['GATEWAY_NOT_SIGNED_IN', 'GATEWAY_CROSS_SITE', 'GATEWAY_SESSIONS_UNAVAILABLE'],
  },
  signOut: {
    method: 'DELETE',
    path: '/api/session',
    summary: 'Sign out here',
    access: 'identity',
    answer: { status: 204 },
    errors: ['GATEWAY_NOT_SIGNED_IN', 'GATEWAY_TOKEN_INVALID', 'GATEWAY_CROSS_SITE', 'GATEWAY_SESSIONS_UNAVAILABLE'],
  },
  signOutEverywhere: {
    method: 'DELETE',
    path: '/api/sessions',
    summary: 'Sign out everywhere',
    access: 'identity',
    answer: { status: 204 },
    errors: ['GATEWAY_NOT_SIGNED_IN', 'GATEWAY_TOKEN_INVALID', 'GATEWAY_CROSS_SITE', 'GATEWAY_SESSIONS_UNAVAILABLE'],
  },
} as const satisfies Operations;

/** A session at the service that owns accounts: a family of rotating refresh tokens. The gateway keeps the newest. */
export const grantedSession = z.object({
  sessionId: id,
  user: identity,
  refreshToken: z.string(),
  refreshExpiresInSeconds: z.int(),
});
export type GrantedSession = z.infer<typeof grantedSession>;

export const refreshRequest = z.strictObject({ refreshToken: z.string().min(1).max(500) });
export const endSessions = z.union([z.strictObject({ sessionId: id }), z.strictObject({ allOfUser: id })]);

export const endedQuery = z.strictObject({
  after: z
    .string()
    .max(200)
    .optional()
    .describe('`cursor` of the answer before; absent: all that ended in the last 15 minutes. Some may be told again'),
});
export const endedSessions = z.object({ sessionIds: z.array(id), cursor: z.string() });

/**
 * What the service named in `gateway.sessions` (default: users) answers to the gateway, with the gateway's SERVICE_TOKEN.
 * A refresh token presented a second time within REFRESH_GRACE_SECONDS of its rotation gets the successor that the first
 * one got; later it ends the family (IETF OAuth 2.0 for Browser-Based Applications; RFC 9700 section 4.14).
 */
export const sessionStoreOperations = {
  open: {
    method: 'POST',
    path: '/internal/sessions',
    summary: 'Check a password and open a session',
    access: 'service',
    body: signIn,
    answer: { status: 201, schema: grantedSession },
    errors: ['REQUEST_FORBIDDEN', 'USERS_SIGN_IN_REFUSED', 'USERS_BUSY'],
  },
  refresh: {
    method: 'POST',
    path: '/internal/sessions/refresh',
    summary: 'Rotate a refresh token',
    access: 'service',
    body: refreshRequest,
    answer: { status: 200, schema: grantedSession },
    errors: ['REQUEST_FORBIDDEN', 'USERS_REFRESH_REFUSED'],
  },
  end: {
    method: 'POST',
    path: '/internal/sessions/end',
    summary: 'End one session, or all of a user',
    access: 'service',
    body: endSessions,
    answer: { status: 204 },
    errors: ['REQUEST_FORBIDDEN'],
  },
  ended: {
    method: 'GET',
    path: '/internal/sessions/ended',
    summary: 'Sessions that ended lately, so that their access tokens are refused before they lapse',
    access: 'service',
    query: endedQuery,
    answer: { status: 200, schema: endedSessions },
    errors: ['REQUEST_FORBIDDEN'],
  },
} as const satisfies Operations;

export const REFRESH_GRACE_SECONDS = 10;
export const ACCESS_TOKEN_SECONDS = 600;
