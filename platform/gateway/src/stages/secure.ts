/** Where there is HTTPS, the port without TLS only shows the way to it. */
import { refuse } from '@switchyard/kit/errors';
import { errors } from '../errors.ts';
import type { Exchange } from '../exchange.ts';
import { WAIT } from '../way.ts';
import type { Stage } from '../way.ts';

/** What the yard, load balancers and services ask on this machine or network: no secret is in it, and not all of them know our certificate. */
const STAYS_OPEN = /^\/(?:-\/.*|\.well-known\/jwks\.json)$/;

/** @param port at which clients find HTTPS; null: there is none */
export const secureStage =
  (port: number | null): Stage =>
  (exchange) => {
    if (port === null || exchange.connection.isSecure || STAYS_OPEN.test(exchange.path)) return undefined;
    const { client, host, path, query, requestId } = exchange;
    const origin = `https://${host.replace(/:[0-9]+$/, '')}${port === 443 ? '' : `:${port}`}`;
    if (!mayBeRedirected(exchange))
      return refuse(errors.TLS_REQUIRED, host === '' ? {} : { detail: `Ask ${origin} instead` });
    exchange.status = 308;
    client.begin(
      308,
      '',
      // Not to be remembered: a browser that knew it by heart would still go there when there is no HTTPS any more.
      [
        'location',
        `${origin}${path}${query}`,
        'cache-control',
        'no-store',
        'content-length',
        '0',
        'x-request-id',
        requestId,
      ],
      0,
    );
    client.discardBody();
    client.end();
    return WAIT;
  };

/**
 * Only what a person may have typed. What changes something, or carries a token, has been sent in clear by a program that would go
 * on doing so if it worked.
 */
const mayBeRedirected = ({ method, host, authorization, upgrade }: Exchange): boolean =>
  (method === 'GET' || method === 'HEAD') && host !== '' && authorization === '' && upgrade === null;
