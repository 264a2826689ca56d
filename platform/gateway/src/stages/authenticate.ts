/** Finds out who asks, by access token or cookies, refreshes in passing, and makes the identity token for the service. */
import { isRefusal, refuse, requestErrors } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import type { Logger } from '@switchyard/kit/log';
import { errors } from '../errors.ts';
import type { Exchange } from '../exchange.ts';
import { cookieOf } from '../message/cookies.ts';
import type { CorsPolicy } from '../message/cors-policy.ts';
import type { AccessTokens, Grant } from '../sessions/access-tokens.ts';
import { comesFromUs, needsProof, saysWhereFrom } from '../sessions/cross-site.ts';
import type { IdentityTokens } from '../sessions/identity-tokens.ts';
import type { Refresher } from '../sessions/refresher.ts';
import { ACCESS_COOKIE, CLEARED_COOKIES, REFRESH_COOKIE } from '../sessions/session-cookies.ts';
import { WAIT } from '../way.ts';
import type { Outcome, Stage, Way } from '../way.ts';

export interface Authentication {
  readonly accessTokens: AccessTokens;
  readonly identityTokens: IdentityTokens;
  readonly refresher: Refresher;
  readonly cors: CorsPolicy;
  readonly log: Logger;
}

export const authenticateStage =
  (parts: Authentication): Stage =>
  (exchange, way) => {
    const { policy, service } = exchange.route!;
    const bearer = exchange.authorization === '' ? '' : parts.accessTokens.ownBearer(exchange.authorization);
    // Ours is for the gateway alone; a service that got it could act for its bearer everywhere.
    exchange.isOwnAuthorization = bearer !== '';
    if (policy.auth === 'none') return undefined;
    if (service === null && opensSession(exchange)) return checkOpening(exchange, parts);
    if (bearer !== '') return byBearer(exchange, way, parts, bearer);
    if (exchange.cookie === '') return anonymous(exchange);
    return byCookies(exchange, way, parts);
  };

/** Signing in and refreshing look at credentials themselves. */
const opensSession = (exchange: Exchange): boolean => exchange.method === 'POST';

/** A page of another site must not sign a visitor in to somebody else's account (login CSRF). Programs say nothing of where they come from, and carry no cookie. */
function checkOpening(exchange: Exchange, parts: Authentication): Outcome {
  const access = cookieOf(exchange.cookie, ACCESS_COOKIE);
  if (access !== '') exchange.grant = parts.accessTokens.known(access) ?? null;
  const isByCookie = exchange.path !== '/api/session' && exchange.cookie !== '';
  if ((isByCookie || saysWhereFrom(exchange)) && !comesFromUs(exchange, parts.cors)) return refuse(errors.CROSS_SITE);
  return undefined;
}

function anonymous(exchange: Exchange): Outcome {
  return exchange.route!.policy.auth === 'required' ? refuse(errors.NOT_SIGNED_IN) : undefined;
}

function byBearer(exchange: Exchange, way: Way, parts: Authentication, token: string): Outcome {
  const known = parts.accessTokens.known(token);
  if (known !== undefined) return known === null ? refuse(errors.TOKEN_INVALID) : granted(exchange, way, parts, known);
  return later(exchange, way, parts, async () => {
    const grant = await parts.accessTokens.verify(token);
    return grant ?? refuse(errors.TOKEN_INVALID);
  });
}

function byCookies(exchange: Exchange, way: Way, parts: Authentication): Outcome {
  const access = cookieOf(exchange.cookie, ACCESS_COOKIE);
  const refresh = cookieOf(exchange.cookie, REFRESH_COOKIE);
  if (access === '' && refresh === '') return anonymous(exchange);
  if (needsProof(exchange) && !comesFromUs(exchange, parts.cors)) return refuse(errors.CROSS_SITE);
  const known = access === '' ? null : parts.accessTokens.known(access);
  if (known != null) return granted(exchange, way, parts, known);
  if (known === null && refresh === '') return anonymous(exchange);
  return later(exchange, way, parts, async () => {
    const grant = access === '' ? null : await parts.accessTokens.verify(access);
    if (grant !== null) return grant;
    return refresh === '' ? null : refreshInPassing(exchange, parts, refresh);
  });
}

/** The new cookies go out with the answer. A refused token signs the browser out; a store that is away does not. */
async function refreshInPassing(
  exchange: Exchange,
  parts: Authentication,
  token: string,
): Promise<Grant | Refusal | null> {
  const opened = await parts.refresher.refresh(token, () => exchange.isWanted);
  if (!isRefusal(opened)) {
    exchange.setCookies = opened.cookies;
    return opened.grant;
  }
  if (opened.error !== errors.NOT_SIGNED_IN) return opened;
  exchange.setCookies = CLEARED_COOKIES;
  return null;
}

/** Known who it is: what is left is the identity token, which mostly is there already. */
function granted(exchange: Exchange, way: Way, parts: Authentication, grant: Grant): Outcome {
  exchange.grant = grant;
  const service = exchange.route!.service;
  if (service === null) return undefined;
  exchange.identityToken = parts.identityTokens.fresh(grant, service.name);
  if (exchange.identityToken !== '') return undefined;
  return later(exchange, way, parts, async () => grant);
}

/** The slow way, taken when a signature has to be made or checked, or the session store asked. */
function later(
  exchange: Exchange,
  way: Way,
  parts: Authentication,
  find: () => Promise<Grant | Refusal | null>,
): typeof WAIT {
  void finish(exchange, way, parts, find).catch((error: unknown) => {
    parts.log.error({ err: error, requestId: exchange.requestId }, 'could not authenticate');
    way.refuse(exchange, refuse(requestErrors.INTERNAL));
  });
  return WAIT;
}

async function finish(
  exchange: Exchange,
  way: Way,
  parts: Authentication,
  find: () => Promise<Grant | Refusal | null>,
): Promise<void> {
  const found = await find();
  if (isRefusal(found)) return way.refuse(exchange, found);
  if (found === null) {
    const refusal = anonymous(exchange);
    return isRefusal(refusal) ? way.refuse(exchange, refusal) : way.proceed(exchange);
  }
  exchange.grant = found;
  const service = exchange.route!.service;
  if (service !== null)
    exchange.identityToken =
      parts.identityTokens.fresh(found, service.name) || (await parts.identityTokens.mint(found, service.name));
  way.proceed(exchange);
}
