/** Who calls, per request: read once from its tokens, asked for by decorators and guards. */
import { IDENTITY_HEADER } from '@switchyard/contracts/identity';
import type { IncomingMessage } from 'node:http';
import type { RequestHandler } from 'express';
import { RefusedRequest, refuse, requestErrors, Unavailable } from '../errors.ts';
import { requireService } from '../http/service-only.ts';
import type { IdentityVerifier, ServiceTokenVerifier, VerifiedIdentity } from '../identity/tokens.ts';

type Known = { readonly caller: VerifiedIdentity } | { readonly failure: Error };
const known = new WeakMap<IncomingMessage, Known>();
const verifiers = new WeakMap<IncomingMessage, ServiceTokenVerifier>();

/** Express middleware, before any handler. A bad token fails only those handlers that ask who calls. */
export function readCaller(identity: IdentityVerifier, serviceTokens: ServiceTokenVerifier): RequestHandler {
  return (request, _response, next) => {
    verifiers.set(request, serviceTokens);
    const token = request.headers[IDENTITY_HEADER];
    if (typeof token !== 'string') return next();
    identity.verify(token).then(
      (caller) => {
        known.set(request, caller === null ? { failure: notSignedIn() } : { caller });
        next();
      },
      (error: unknown) => {
        known.set(request, { failure: new Unavailable('the keys of identity tokens cannot be had', { cause: error }) });
        next();
      },
    );
  };
}

const notSignedIn = () =>
  new RefusedRequest(refuse(requestErrors.NOT_SIGNED_IN, { detail: 'The identity token is not valid' }));

/**
 * Who calls; null when nobody says so.
 *
 * @throws RefusedRequest (REQUEST_NOT_SIGNED_IN) for a token that is not valid; Unavailable when that cannot be told
 */
export function callerOf(request: IncomingMessage): VerifiedIdentity | null {
  const what = known.get(request);
  if (what === undefined) return null;
  if ('failure' in what) throw what.failure;
  return what.caller;
}

/** The name of the service that calls; see requireService. */
export function callingServiceOf(request: IncomingMessage, names: readonly string[]): Promise<string> {
  const verifier = verifiers.get(request);
  if (verifier === undefined) throw new Error('readCaller() is not mounted');
  return requireService(request, verifier, names);
}
