/** `/api/session`: signing in and out, for browsers by cookies, for programs by the access token in the answer. */
import { ACCESS_TOKEN_SECONDS, sessionOperations, signIn } from '@switchyard/contracts/session';
import type { Identity } from '@switchyard/contracts/identity';
import { accepted, isRefusal, refuse, RefusedRequest } from '@switchyard/kit/errors';
import { parse } from '@switchyard/kit/http/parse';
import { Router } from 'express';
import type { Request, Response } from 'express';
import { errors } from '../errors.ts';
import { exchangeOf } from '../http/own-answer.ts';
import type { AccessTokens, Grant } from './access-tokens.ts';
import type { OpenedSession, Refresher } from './refresher.ts';
import { cookieOf } from '../message/cookies.ts';
import { CLEARED_COOKIES, REFRESH_COOKIE } from './session-cookies.ts';
import type { SessionStore } from './session-store.ts';
import type { SignInCount } from './sign-in-limit.ts';

export interface SessionRoutesParts {
  readonly store: SessionStore;
  readonly refresher: Refresher;
  readonly accessTokens: AccessTokens;
  readonly signInLimit: SignInCount;
  /** These sessions have ended, and all of that user's, if one is named: for all workers of the gateway. */
  readonly signedOut: (sessionIds: readonly string[], user: string | null) => void;
}

export function sessionRoutes(parts: SessionRoutesParts): Router {
  const router = Router({ strict: true, caseSensitive: true });
  router.post(sessionOperations.signIn.path, (request, response) => openSession(parts, request, response));
  router.get(sessionOperations.readSession.path, (request, response) => {
    response.json({ user: userOf(grantOf(request).who) });
  });
  router.post(sessionOperations.refresh.path, (request, response) => refreshSession(parts, request, response));
  router.delete(sessionOperations.signOut.path, (request, response) => endSession(parts, request, response));
  router.delete(sessionOperations.signOutEverywhere.path, (request, response) =>
    endAllSessions(parts, request, response),
  );
  return router;
}

async function openSession(parts: SessionRoutesParts, request: Request, response: Response): Promise<void> {
  const asked = parse(signIn, request.body, 'body');
  const { connection, grant } = exchangeOf(request);
  const isOwner = grant?.who.handle === asked.login.trim().toLowerCase();
  const attempt = accepted(await parts.signInLimit.begin(asked.login, connection.address, isOwner));
  const granted = await parts.store.open(asked);
  if (!isRefusal(granted) || granted.error !== errors.SIGN_IN_REFUSED) attempt.forgive();
  answerOpened(response, await parts.refresher.opened(accepted(granted)));
}

async function refreshSession(parts: SessionRoutesParts, request: Request, response: Response): Promise<void> {
  const exchange = exchangeOf(request);
  const token = cookieOf(exchange.cookie, REFRESH_COOKIE);
  if (token === '') throw new RefusedRequest(refuse(errors.NOT_SIGNED_IN));
  const opened = await parts.refresher.refresh(token, () => exchange.isWanted);
  if (isRefusal(opened) && opened.error === errors.NOT_SIGNED_IN) exchange.setCookies = CLEARED_COOKIES;
  answerOpened(response, accepted(opened));
}

/** Nothing changes when the store cannot be told: the browser keeps its cookies and may try again. */
async function endSession(parts: SessionRoutesParts, request: Request, response: Response): Promise<void> {
  const { sessionId } = grantOf(request);
  const refusal = await parts.store.end({ sessionId });
  if (refusal !== undefined) throw new RefusedRequest(refusal);
  parts.signedOut([sessionId], null);
  response.status(204).setHeader('set-cookie', CLEARED_COOKIES).end();
}

async function endAllSessions(parts: SessionRoutesParts, request: Request, response: Response): Promise<void> {
  const { who, sessionId } = grantOf(request);
  const refusal = await parts.store.end({ allOfUser: who.id });
  if (refusal !== undefined) throw new RefusedRequest(refusal);
  parts.signedOut([sessionId], who.id);
  response.status(204).setHeader('set-cookie', CLEARED_COOKIES).end();
}

function answerOpened(response: Response, opened: OpenedSession): void {
  response
    .setHeader('set-cookie', opened.cookies)
    .json({ user: userOf(opened.grant.who), accessToken: opened.accessToken, expiresIn: ACCESS_TOKEN_SECONDS });
}

/** @throws RefusedRequest (NOT_SIGNED_IN) */
function grantOf(request: Request): Grant {
  const { grant } = exchangeOf(request);
  if (grant === null) throw new RefusedRequest(refuse(errors.NOT_SIGNED_IN));
  return grant;
}

const userOf = (who: Identity): Identity => ({ id: who.id, handle: who.handle, name: who.name });
