/** Lets services alone pass: those that bring a SERVICE_TOKEN. */
import type { IncomingMessage } from 'node:http';
import type { RequestHandler } from 'express';
import { RefusedRequest, refuse, requestErrors, Unavailable } from '../errors.ts';
import { bearerOf } from '../identity/tokens.ts';
import type { ServiceTokenVerifier } from '../identity/tokens.ts';

/**
 * The name of the service that calls.
 *
 * @param names who may; everybody who is a service where it is empty
 * @throws RefusedRequest REQUEST_NOT_A_SERVICE (401) or REQUEST_FORBIDDEN (403); Unavailable when the keys cannot be had
 */
export async function requireService(
  request: IncomingMessage,
  verifier: ServiceTokenVerifier,
  names: readonly string[] = [],
): Promise<string> {
  const token = bearerOf(request.headers.authorization);
  const service =
    token === null
      ? null
      : await verifier.verify(token).catch((error: unknown) => {
          throw new Unavailable('the keys of service tokens cannot be had', { cause: error });
        });
  if (service === null) throw new RefusedRequest(refuse(requestErrors.NOT_A_SERVICE));
  if (names.length > 0 && !names.includes(service)) throw new RefusedRequest(refuse(requestErrors.FORBIDDEN));
  return service;
}

/** The same as Express middleware. */
export const serviceOnly =
  (verifier: ServiceTokenVerifier, ...names: string[]): RequestHandler =>
  (request, _response, next) => {
    requireService(request, verifier, names).then(() => next(), next);
  };
