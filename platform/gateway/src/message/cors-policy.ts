/** Which pages of other origins may call, and the headers that tell the browser so (WHATWG Fetch, section 3.2). */

/** Chrome keeps a preflight for 2 hours at most. */
const PREFLIGHT_SECONDS = 7_200;
/** Answer headers that scripts may read besides the safelisted ones. */
const EXPOSED = 'x-request-id, retry-after, ratelimit, ratelimit-policy, location, etag';
const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE';

export class CorsPolicy {
  private readonly origins: ReadonlySet<string>;

  constructor(origins: readonly string[]) {
    this.origins = new Set(origins);
  }

  /** Exact comparison: scheme, host and port. */
  allows(origin: string): boolean {
    return this.origins.has(origin);
  }

  /** Appends what an answer to `origin` needs; nothing for one that is not allowed. */
  appendTo(headers: string[], origin: string): void {
    if (origin === '' || !this.origins.has(origin)) return;
    headers.push('access-control-allow-origin', origin, 'access-control-allow-credentials', 'true');
    headers.push('access-control-expose-headers', EXPOSED);
  }

  /** Head of the answer to an allowed preflight. `asked` is its Access-Control-Request-Headers. */
  preflightHeaders(origin: string, asked: string): string[] {
    const headers = [
      'access-control-allow-origin',
      origin,
      'access-control-allow-credentials',
      'true',
      'access-control-allow-methods',
      METHODS,
      'access-control-max-age',
      String(PREFLIGHT_SECONDS),
      'vary',
      'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
    ];
    if (/^[A-Za-z0-9_-]+(?:[ \t]*,[ \t]*[A-Za-z0-9_-]+)*$/.test(asked))
      headers.push('access-control-allow-headers', asked);
    return headers;
  }
}
