/** Asks a service over real HTTP, as tests do. */

export interface Answer<B> {
  readonly status: number;
  /** Parsed JSON; null where there is no body. */
  readonly body: B;
  readonly headers: Headers;
}

export interface Asked {
  /** A string or bytes are sent as they are, anything else as JSON. */
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

/** Waits 20 s at most. */
export async function ask<B>(
  origin: string,
  method: string,
  path: string,
  { body, headers }: Asked = {},
): Promise<Answer<B>> {
  const isRaw = typeof body === 'string' || Buffer.isBuffer(body);
  const response = await fetch(`${origin}${path}`, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: isRaw ? (body as string) : JSON.stringify(body) }),
    signal: AbortSignal.timeout(20_000),
  });
  const text = await response.text();
  return { status: response.status, body: (text === '' ? null : JSON.parse(text)) as B, headers: response.headers };
}
