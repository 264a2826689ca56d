/** Keeps web pages out of the registry, by whatever name they come (DNS rebinding, forms, scripts), and finds out who calls. */
import { isIP } from 'node:net';
import { refuse, RefusedRequest } from '@switchyard/kit/errors';
import { bearerOf } from '@switchyard/kit/identity/tokens';
import type { Request, RequestHandler } from 'express';
import type { Caller } from '../caller.ts';
import { registryErrors } from '../errors.ts';
import { isLoopbackAddress, isLoopbackHost } from '../leases/hosts.ts';
import type { Credentials } from './credentials.ts';

/**
 * Refuses, reads included: a Host header that is a name other than localhost and `allowedHosts` (a page that rebinds its name to this
 * address sends its own), and whatever a browser marks as coming from a page.
 */
export function onlyPrograms(allowedHosts: readonly string[]): RequestHandler {
  const allowed = new Set(['localhost', ...allowedHosts]);
  return (request, _response, next) => {
    const host = hostOf(request);
    if (host === null || (isIP(host) === 0 && !allowed.has(host)))
      throw new RefusedRequest(
        refuse(registryErrors.HOST_REFUSED, { detail: 'Ask by address or as localhost, or set ALLOWED_HOSTS' }),
      );
    const site = request.headers['sec-fetch-site'];
    if (request.headers.origin !== undefined || (site !== undefined && site !== 'none' && site !== 'same-origin'))
      throw new RefusedRequest(refuse(registryErrors.WEB_PAGE_REFUSED));
    next();
  };
}

/**
 * Who calls. Local is who comes by loopback, names loopback, and was not passed on by a proxy.
 *
 * @throws RefusedRequest REGISTRY_TOKEN_REFUSED (401) for a token that is none of ours, also where none is needed
 */
export async function callerOf(request: Request, credentials: Credentials): Promise<Caller> {
  const { authorization, forwarded, via, 'x-forwarded-for': forwardedFor } = request.headers;
  const isLocal =
    isLoopbackAddress(request.socket.remoteAddress ?? '') &&
    isLoopbackHost(hostOf(request) ?? '') &&
    forwarded === undefined &&
    forwardedFor === undefined &&
    via === undefined;
  if (authorization === undefined) return { kind: 'nobody', isLocal };
  const token = bearerOf(authorization);
  if (token !== null && (await credentials.isOperator(token))) return { kind: 'operator', isLocal };
  const name = token === null ? null : await credentials.serviceOf(token);
  if (name === null)
    throw new RefusedRequest(
      refuse(registryErrors.TOKEN_REFUSED, { detail: 'It is neither a SERVICE_TOKEN of this yard nor its operator’s' }),
    );
  return { kind: 'service', name, isLocal };
}

/** Lower case, without port and brackets; null when it is not a host and port. */
function hostOf(request: Request): string | null {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/.exec((request.headers.host ?? '').toLowerCase());
  return match?.[1] ?? match?.[2] ?? null;
}
