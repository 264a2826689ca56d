/** Tells requests that a page of another site made with the browser's cookies from those of our own pages. */
import type { Exchange } from '../exchange.ts';
import type { CorsPolicy } from '../message/cors-policy.ts';

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Whether it changes something, or opens a WebSocket, which CORS does not guard. */
export const needsProof = (exchange: Exchange): boolean => !SAFE.has(exchange.method) || exchange.upgrade !== null;

/**
 * `Sec-Fetch-Site: same-origin`, or exactly our own Origin or one that CORS allows. `none` is not enough: what a user typed is
 * never a POST. Neither header may be set by a page.
 */
export function comesFromUs(exchange: Exchange, cors: CorsPolicy): boolean {
  if (exchange.fetchSite === 'same-origin') return true;
  const { origin, host, connection } = exchange;
  return origin !== '' && (origin === `${connection.scheme}://${host}` || cors.allows(origin));
}

/** Whether a browser sent it: programs send neither header. */
export const saysWhereFrom = (exchange: Exchange): boolean => exchange.origin !== '' || exchange.fetchSite !== '';
